import type { FunctionSpec } from './function.ts';
import type { StoredRecord } from './record-store.ts';

/** A secret as it is kept; its name is that of the environment variable it becomes. */
export interface SecretRecord extends StoredRecord {
  /** Encrypted with the master key. */
  readonly sealed: string;
  /** Names of the functions that may have it; `*` in them is any text. */
  readonly functions: readonly string[];
  /** ISO 8601. */
  readonly changedAt: string;
}

/** What a function is given of the secrets that it asks for. */
export interface SecretBinding {
  readonly values: Readonly<Record<string, string>>;
  /** Asked for but not there, or not for this function. */
  readonly missing: readonly string[];
  /** Another as soon as any of them was set anew, removed, or given to other functions. */
  readonly stamp: string;
}

/** Keeps secrets. Values come out for functions only, never for callers. */
export interface SecretVault {
  list(): readonly SecretRecord[];
  /** Makes it or replaces it. Every worker node hears of it at once. */
  set(name: string, value: string, functions: readonly string[]): Promise<SecretRecord>;
  /** Idempotent. Resolves to whether there was one. */
  remove(name: string): Promise<boolean>;
}

/** Gives functions their secrets. */
export interface SecretSource {
  bind(spec: Pick<FunctionSpec, 'name' | 'secrets'>): SecretBinding;
}

/** What a function is given, as variables or as files. */
export const secretsGiven = ({ secrets, secretFiles = [] }: FunctionSpec): readonly string[] => [
  ...new Set([...secrets, ...secretFiles.map(({ name }) => name)]),
];

/** All that a function cannot do without: what it is given, and what is signed with for it. */
export function secretsNeeded(spec: FunctionSpec): readonly string[] {
  const { http, async } = spec;
  const signing = [http?.hmac, async?.onSuccess, async?.onFailure].flatMap((signed) =>
    signed && 'secret' in signed && signed.secret !== undefined ? [signed.secret] : [],
  );
  return [...new Set([...secretsGiven(spec), ...signing])];
}

/** Why a function without its secrets cannot be had, and what to do. */
export const missingSecrets = (functionName: string, missing: readonly string[]): string =>
  missing
    .map(
      (name) =>
        `There is no secret "${name}" for "${functionName}": set it with "hearth secret set ${name}".`,
    )
    .join(' ');

/** Changes the key under which secrets are kept. */
export interface MasterKeyRotation {
  /** Makes a new one and seals all with it. Resolves to how many records that were. */
  rotate(): Promise<number>;
}
