import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { HostError } from '../domain/errors.ts';
import type { Logger } from '../domain/logger.ts';
import { Repeating } from '../lib/repeating.ts';

/** A new one is taken up within this time. Looked at, not watched: links to it are exchanged too. */
const lookIntervalMs = 5_000;

export interface TlsFiles {
  /** PEM: the certificate, and after it those that vouch for it. */
  readonly certFile: string;
  /** PEM. */
  readonly keyFile: string;
}

export interface CertificateOptions extends TlsFiles {
  readonly logger: Logger;
  readonly lookIntervalMs?: number;
}

interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** The certificate of the gateway, read again when its files change. A bad one does not replace a good one. */
export class Certificate {
  readonly #options: CertificateOptions;
  readonly #looking: Repeating;
  #pair: Pair | undefined;
  #use: (pair: Pair) => void = () => {};

  constructor(options: CertificateOptions) {
    this.#options = options;
    this.#looking = new Repeating(options.lookIntervalMs ?? lookIntervalMs, () =>
      this.#lookAgain(),
    );
  }

  /** Calls `use` now and with every later one. @throws HostError `invalid` when there is none. */
  async start(use: (pair: Pair) => void): Promise<void> {
    this.#use = use;
    try {
      await this.#look();
    } catch (cause) {
      const { certFile, keyFile } = this.#options;
      const why = (cause as Error).message;
      throw new HostError(
        'invalid',
        'gateway.bad_certificate',
        `The certificate ${certFile} with the key ${keyFile} cannot be used: ${why}.`,
        { cause },
      );
    }
    this.#looking.start();
  }

  async stop(): Promise<void> {
    await this.#looking.stop();
  }

  async #look(): Promise<void> {
    const { certFile, keyFile } = this.#options;
    const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
    if (cert === this.#pair?.cert && key === this.#pair.key) return;
    createSecureContext({ cert, key }); // throws unless the two belong together
    this.#pair = { cert, key };
    this.#use(this.#pair);
  }

  async #lookAgain(): Promise<void> {
    const before = this.#pair;
    try {
      await this.#look();
      if (this.#pair !== before) this.#options.logger.info({}, 'A new certificate is in use.');
    } catch (error) {
      this.#options.logger.warn(
        { error },
        'The new certificate cannot be used; the old one stays.',
      );
    }
  }
}
