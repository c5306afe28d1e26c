import { createHash, timingSafeEqual } from 'node:crypto';
import { HostError } from '../domain/errors.ts';
import type { KeyRecord } from '../domain/key.ts';
import type { Logger } from '../domain/logger.ts';
import {
  everything,
  type Authorizer,
  type Principal,
  type SignatureClaim,
  type SignedHead,
} from '../domain/principal.ts';
import type { RecordStore } from '../domain/record-store.ts';
import { isSignedWith, readAwsAuthorization } from './aws-signature.ts';
import { rootKeyId } from './root-key.ts';
import type { Sealer } from './sealer.ts';
import { keyPurpose } from './stored-keys.ts';

export interface KeyAuthorizerOptions {
  readonly rootSecret: string;
  readonly records: Pick<RecordStore<KeyRecord>, 'get'>;
  readonly sealer: Pick<Sealer, 'open'>;
  readonly logger: Logger;
  readonly now?: () => Date;
}

/** A key with its secrets in the clear. */
interface OpenKey {
  readonly principal: Principal;
  /** Epoch milliseconds; for ever: Infinity. */
  readonly untilMs: number;
  readonly secrets: readonly {
    readonly text: string;
    readonly digest: Buffer;
    readonly untilMs: number;
  }[];
}

/** Compared with where there is no key, so that this takes as long as a wrong one. */
const noDigest = Buffer.alloc(32);

/**
 * Checks keys against their records, whose mirror makes every change hold at once. A record is
 * immutable, so its secrets are opened once.
 */
export class KeyAuthorizer implements Authorizer {
  readonly #options: KeyAuthorizerOptions;
  readonly #now: () => Date;
  readonly #root: OpenKey;
  readonly #opened = new WeakMap<KeyRecord, OpenKey>();

  constructor(options: KeyAuthorizerOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
    this.#root = {
      principal: { id: rootKeyId, scopes: [{ action: 'admin', pattern: everything }] },
      untilMs: Infinity,
      secrets: [openSecret(options.rootSecret, undefined)],
    };
  }

  authenticate(authorization: string | undefined): Principal | undefined {
    const [id, secret] = readKey(authorization ?? '');
    const key = this.#find(id);
    const given = sha256(secret);
    // Digests have one length and tell nothing of how much of the secret was right.
    const valid = key && this.#validSecrets(key);
    const digests = valid?.length ? valid.map(({ digest }) => digest) : [noDigest];
    const matches = digests.filter((digest) => timingSafeEqual(given, digest));
    return matches.length > 0 ? key?.principal : undefined;
  }

  claim(head: SignedHead): SignatureClaim | undefined {
    const authorization = readAwsAuthorization(head, this.#now());
    if (!authorization) return undefined;
    const key = this.#find(authorization.keyId);
    const secrets = key ? this.#validSecrets(key) : [];
    if (!key || secrets.length === 0) throw unknownKey();
    return {
      verify: (bodyDigest) => {
        const matches = secrets.filter(({ text }) =>
          isSignedWith(text, authorization, head, bodyDigest),
        );
        if (matches.length > 0) return key.principal;
        throw wrongSignature();
      },
    };
  }

  #find(id: string): OpenKey | undefined {
    if (id === rootKeyId) return this.#root;
    const record = this.#options.records.get(id);
    return record && this.#open(record);
  }

  #validSecrets({ untilMs, secrets }: OpenKey): OpenKey['secrets'] {
    const now = this.#now().getTime();
    return untilMs > now ? secrets.filter((secret) => secret.untilMs > now) : [];
  }

  /** Undefined, and an error in the log, when the master key is not the one it was sealed with. */
  #open(record: KeyRecord): OpenKey | undefined {
    const { sealer, logger } = this.#options;
    const known = this.#opened.get(record);
    if (known) return known;
    const { name, scopes, limits, expiresAt } = record;
    try {
      const secrets = record.secrets.map(({ sealed, until }) =>
        openSecret(sealer.open(keyPurpose(name), sealed), until),
      );
      const principal = { id: name, scopes, ...(limits ? { limits } : {}) };
      const opened = { principal, untilMs: timeOf(expiresAt), secrets };
      this.#opened.set(record, opened);
      return opened;
    } catch (error) {
      logger.error({ error, keyId: name }, 'A key cannot be read and opens nothing.');
      return undefined;
    }
  }
}

/** `Bearer id:secret`, or `Basic` with it in base64; two empty texts for anything else. */
function readKey(authorization: string): readonly [id: string, secret: string] {
  const [, scheme = '', token = ''] = /^(Bearer|Basic) +(\S+)$/i.exec(authorization) ?? [];
  const isBasic = scheme.toLowerCase() === 'basic';
  const pair = isBasic ? Buffer.from(token, 'base64').toString() : token;
  const colon = pair.indexOf(':');
  return colon < 0 ? ['', ''] : [pair.slice(0, colon), pair.slice(colon + 1)];
}

const openSecret = (text: string, until: string | undefined): OpenKey['secrets'][number] => ({
  text,
  digest: sha256(text),
  untilMs: timeOf(until),
});

const timeOf = (time: string | undefined): number =>
  time === undefined ? Infinity : Date.parse(time);

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

const unknownKey = (): HostError =>
  new HostError(
    'forbidden',
    'security.unknown_key',
    'The security token included in the request is invalid.',
  );

const wrongSignature = (): HostError =>
  new HostError(
    'forbidden',
    'security.wrong_signature',
    'The request signature we calculated does not match the signature you provided. Check your secret access key and signing method.',
  );
