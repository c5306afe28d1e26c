import type { FunctionSpec } from '../domain/function.ts';
import { missingSecrets, secretsGiven, type SecretSource } from '../domain/secret.ts';
import type { PreparedVersion } from '../domain/version.ts';
import type { SandboxCreation, SandboxFactory } from './sandbox-factory.ts';

export interface SecretGiverOptions {
  readonly factory: SandboxFactory;
  readonly secrets: SecretSource;
  /** Calls the listener when secrets may have changed. */
  readonly onChange: (listener: () => void) => void;
}

/** What a sandbox was given, to see whether it would be given the same now. */
interface Given {
  readonly needs: Pick<FunctionSpec, 'name' | 'secrets'>;
  readonly stamp: string;
}

/**
 * Gives functions their secrets at the moment they are loaded: as environment variables, over the
 * channel, or as files in memory. So they are in no image, no bundle and no record, and a stem has none. When a secret
 * changes, sandboxes that have it are given up: they finish what they serve, and new ones follow.
 */
export class SecretGiver implements SandboxFactory {
  readonly #factory: SandboxFactory;
  readonly #secrets: SecretSource;
  /** One entry a sandbox that has secrets. */
  readonly #given = new Map<AbortController, Given>();

  constructor({ factory, secrets, onChange }: SecretGiverOptions) {
    this.#factory = factory;
    this.#secrets = secrets;
    onChange(() => this.#lookAgain());
  }

  async create(version: PreparedVersion, signal: AbortSignal): Promise<SandboxCreation> {
    const { spec } = version;
    const { name, secretFiles = [] } = spec;
    const needs = { name, secrets: secretsGiven(spec) };
    if (needs.secrets.length === 0) return await this.#factory.create(version, signal);
    const { values, missing, stamp } = this.#secrets.bind(needs);
    if (missing.length > 0) {
      const error = {
        type: 'Runtime.MissingSecret',
        message: missingSecrets(spec.name, missing),
      };
      return { failure: { kind: 'function_error', error }, start: 'cold', timings: {} };
    }
    const outdated = new AbortController();
    const forget = () => this.#given.delete(outdated);
    this.#given.set(outdated, { needs, stamp });
    const valueOf = (secret: string) => values[secret] ?? '';
    const env = Object.fromEntries(spec.secrets.map((secret) => [secret, valueOf(secret)]));
    const files = secretFiles.map(({ name: secret, file }) => [file, valueOf(secret)] as const);
    const bound = {
      ...version,
      spec: { ...spec, env: { ...spec.env, ...env } },
      ...(files.length > 0 ? { secretFiles: Object.fromEntries(files) } : {}),
    };
    try {
      const creation = await this.#factory.create({ ...bound, outdated: outdated.signal }, signal);
      if (creation.sandbox) void creation.sandbox.gone.then(forget);
      else forget();
      return creation;
    } catch (error) {
      forget();
      throw error;
    }
  }

  #lookAgain(): void {
    for (const [outdated, { needs, stamp }] of this.#given) {
      if (this.#secrets.bind(needs).stamp === stamp) continue;
      this.#given.delete(outdated);
      outdated.abort();
    }
  }
}
