import type { Container } from '../domain/container-engine.ts';
import type { SandboxId } from '../domain/ids.ts';
import type { MakingTimings } from '../domain/invocation.ts';
import type { LogLine } from '../domain/log.ts';
import type { NetworkLease } from '../domain/network.ts';
import type { PreparedChannel } from '../domain/sandbox-channel.ts';
import type { SandboxVolumes } from '../domain/volume.ts';
import type { SecretFolder } from './secret-folder.ts';
import type { TaskFolder } from './task-folder.ts';

/** What a sandbox is made of. */
export interface SandboxParts {
  readonly id: SandboxId;
  readonly memoryBytes: number;
  /** How long each of these took. */
  readonly making: NonNullable<MakingTimings['steps']>;
  /** Created, and started here. */
  readonly container: Container;
  readonly channel: PreparedChannel;
  readonly network: Pick<NetworkLease, 'connect' | 'open' | 'close'>;
  /** Where a stem gets its code; undefined where the code is in the image. */
  readonly taskFolder: TaskFolder | undefined;
  /** Where a stem gets its secrets that are files. */
  readonly secretFolder: SecretFolder | undefined;
  readonly pids: number;
  readonly volumes: Pick<SandboxVolumes, 'wanted' | 'lost'>;
  /** Volumes in which nothing of an invocation may be left. */
  readonly scratch: readonly string[];
  /** Everything the sandbox holds; disposed once nothing of it runs any more. */
  readonly resources: AsyncDisposableStack;
  /** Output outside any invocation; of a function, once it is known. */
  readonly onStrayLine: (line: LogLine, functionName: string | undefined) => void;
  /** Processor time of a function's, since the last time. */
  readonly onUsed: (functionName: string, cpuUsec: number) => void;
  /** Something could not be given back; the next start of the worker finds it. */
  readonly onLeftBehind: (error: unknown) => void;
}
