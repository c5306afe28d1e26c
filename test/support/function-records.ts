import type { PreparedImage } from '../../src/domain/image.ts';
import type { FunctionRecord, FunctionSpec } from '../../src/domain/function.ts';
import type { Digest } from '../../src/domain/ids.ts';

/** A digest that is easy to tell from another in a failing test. */
export const digestOf = (digit: string): Digest => `sha256:${digit.repeat(64)}`;

export function specOf(name: string, overrides: Partial<FunctionSpec> = {}): FunctionSpec {
  return {
    name,
    runtime: 'node24',
    entry: 'index.ts',
    memoryBytes: 128 * 1024 * 1024,
    cpu: 1,
    timeoutMs: 30_000,
    concurrency: 1,
    env: {},
    secrets: [],
    http: { auth: 'none', methods: [] },
    isolation: 'function',
    scratchBytes: 64 * 1024 * 1024,
    volumes: [],
    scaling: { min: 0, max: 50, keepWarmMs: 600_000 },
    ...overrides,
  };
}

/** A function with one version. */
export function recordOf(spec: FunctionSpec, revision = 1, digest = digestOf('a')): FunctionRecord {
  const version = { number: revision, digest, spec, createdAt: '2026-01-02T03:04:05.000Z' };
  return { name: spec.name, revision, live: digest, versions: [version] };
}

/** For whoever does not look at what is prepared. */
export function preparedImage(digest: Digest): PreparedImage {
  return {
    digest,
    layerDirs: [],
    env: [],
    entrypoint: [],
    cmd: [],
    user: { uid: 1000, gid: 1000 },
    workingDir: '/',
    labels: {},
  };
}
