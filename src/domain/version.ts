import type { FunctionSpec } from './function.ts';
import type { Digest } from './ids.ts';
import type { PreparedImage } from './image.ts';

/** A version on this node, ready to be started: its image unpacked, its settings read from it. */
export interface PreparedVersion {
  readonly digest: Digest;
  readonly spec: FunctionSpec;
  readonly image: PreparedImage;
}

/** A version that was just built, and that nobody calls yet. */
export interface BuiltVersion {
  readonly functionName: string;
  readonly number: number;
  readonly digest: Digest;
  readonly runtime: FunctionSpec['runtime'];
}
