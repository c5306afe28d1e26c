import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { HostError } from '../../domain/errors.ts';
import type { Digest } from '../../domain/ids.ts';
import type { ManifestContent } from '../manifest-content.ts';
import { ruleFor, type SignatureRule } from './signature-policy.ts';
import {
  readPublicKey,
  signatureLayers,
  signatureProblem,
  type SignatureLayer,
} from './simple-signing.ts';

/** Where signatures of one repository's images are. */
export interface SignatureSource {
  /** Manifests with signatures of the image, from the tag beside it and its referrers. */
  manifests(digest: Digest): Promise<readonly ManifestContent[]>;
  /** A small blob of the repository, checked against its digest. */
  payload(layer: SignatureLayer): Promise<Uint8Array>;
}

/** What is looked at: who adds more to an image does not make the host work more. */
export const signatureLimit = 64;
export const payloadLimitBytes = 64 * 1024;

/** Lets only those images be used that are signed as the operator wants it. */
export class SignatureVerifier {
  readonly #rules: readonly SignatureRule[];

  constructor(rules: readonly SignatureRule[]) {
    this.#rules = rules;
  }

  /**
   * `name`: registry and repository. The keys are read anew each time, so that new ones hold at once.
   * @throws HostError `forbidden` for an image that needs a signature and has none that is right.
   */
  async check(name: string, digest: Digest, source?: SignatureSource): Promise<void> {
    const rule = ruleFor(this.#rules, name);
    if (!rule) return;
    const keys = await Promise.all(rule.keyFiles.map(readKey));
    const manifests = (await source?.manifests(digest)) ?? [];
    const layers = manifests.flatMap(signatureLayers).slice(0, signatureLimit);
    const problems = new Set<string>();
    for (const layer of layers) {
      const problem =
        layer.size > payloadLimitBytes
          ? 'it is too large'
          : signatureProblem(await source!.payload(layer), layer.signature, digest, keys);
      if (problem === undefined) return;
      problems.add(problem);
    }
    throw refused(name, digest, rule, [...problems]);
  }
}

async function readKey(file: string): Promise<KeyObject> {
  const pem = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw badKey(file, 'cannot be read', cause);
  });
  const key = readPublicKey(pem);
  if (key) return key;
  throw badKey(file, 'is not a public key in PEM of the kinds ECDSA P-256 or Ed25519');
}

/** Closed, not open: what cannot be checked is not used. */
const badKey = (file: string, what: string, cause?: unknown): HostError =>
  new HostError(
    'unavailable',
    'image.bad_key',
    `The key ${file} of HEARTH_IMAGE_KEYS ${what}; images that need it are not used.`,
    { cause },
  );

function refused(
  name: string,
  digest: Digest,
  { pattern, keyFiles }: SignatureRule,
  problems: readonly string[],
): HostError {
  const asked = `HEARTH_IMAGE_KEYS asks for one by ${keyFiles.join(' or ')} on "${pattern}"`;
  const fix = `sign it with "cosign sign --key … ${name}@${digest}"`;
  const isSigned = problems.length > 0;
  const state = isSigned ? `no signature that counts: ${problems.join('; ')}` : 'no signature';
  return new HostError(
    'forbidden',
    isSigned ? 'image.wrong_signature' : 'image.unsigned',
    `The image ${name}@${digest} has ${state}. ${asked}: ${fix}.`,
    { details: { pattern, keyFiles } },
  );
}
