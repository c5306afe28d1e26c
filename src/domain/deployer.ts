import type { Readable } from 'node:stream';
import type { FunctionRecord, FunctionSpec } from './function.ts';

/** Changes what is deployed. Changes of one function happen one after the other, as asked. */
export interface FunctionDeployer {
  /**
   * Builds the package (see PackageBuilder) and makes it the live version. `changed` is false, and
   * nothing is recorded, when the live version is the same image already.
   * @throws HostError as PackageBuilder.build and FunctionStore.put do.
   */
  deploy(
    spec: FunctionSpec,
    packageTar: Readable,
  ): Promise<{ readonly record: FunctionRecord; readonly changed: boolean }>;
  /** Idempotent. Resolves to whether there was one. */
  remove(name: string): Promise<boolean>;
}
