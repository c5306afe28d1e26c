import { missingSecrets, type SecretSource } from '../domain/secret.ts';
import type { PreparedVersion } from '../domain/version.ts';
import type { SandboxCreation, SandboxFactory } from './sandbox-factory.ts';

/**
 * Gives functions their secrets at the moment they are loaded: as environment variables, over the
 * channel. So they are in no image, no bundle and no record, and a stem has none.
 */
export class SecretGiver implements SandboxFactory {
  readonly #factory: SandboxFactory;
  readonly #secrets: SecretSource;

  constructor(factory: SandboxFactory, secrets: SecretSource) {
    this.#factory = factory;
    this.#secrets = secrets;
  }

  async create(version: PreparedVersion, signal: AbortSignal): Promise<SandboxCreation> {
    const { spec } = version;
    const { values, missing } = this.#secrets.bind(spec);
    if (missing.length > 0) {
      const error = {
        type: 'Runtime.MissingSecret',
        message: missingSecrets(spec.name, missing),
      };
      return { failure: { kind: 'function_error', error }, start: 'cold', timings: {} };
    }
    const env = { ...spec.env, ...values };
    return await this.#factory.create({ ...version, spec: { ...spec, env } }, signal);
  }
}
