import { setTimeout as delay } from 'node:timers/promises';
import type { FunctionVersion } from '../../domain/function.ts';
import type { InvocationId } from '../../domain/ids.ts';
import type { LogEntry, LogStore } from '../../domain/log.ts';
import type { StartInfo } from '../../domain/reply.ts';

/** Lambda's own limit. */
const tailBytes = 4096;

/** POLICY: lines come by another way than the answer, which waits so long for the last of them. */
const latenessMs = 200;

const linesRead = 200;

export interface EndedInvocation {
  readonly id: InvocationId;
  readonly version: FunctionVersion;
  readonly info: StartInfo;
}

/** The last 4 KiB of what an invocation wrote, between the lines that Lambda puts around it. */
export async function lambdaLogTail(
  logs: Pick<LogStore, 'read'>,
  ended: EndedInvocation,
): Promise<string> {
  const { id, version } = ended;
  await delay(latenessMs);
  const query = { functionName: version.spec.name, invocationId: id, limit: linesRead };
  const text = Buffer.from(tailText(await logs.read(query), ended));
  return text.subarray(Math.max(0, text.length - tailBytes)).toString('base64');
}

function tailText(entries: readonly LogEntry[], { id, version, info }: EndedInvocation): string {
  const { run = 0, init } = info.timings;
  const report = [
    `REPORT RequestId: ${id}`,
    `Duration: ${run.toFixed(2)} ms`,
    `Billed Duration: ${Math.ceil(run)} ms`,
    `Memory Size: ${Math.floor(version.spec.memoryBytes / 1024 ** 2)} MB`,
    ...(init === undefined ? [] : [`Init Duration: ${init.toFixed(2)} ms`]),
  ];
  return [
    `START RequestId: ${id} Version: ${version.number}`,
    ...entries.map(({ text }) => text),
    `END RequestId: ${id}`,
    `${report.join('\t')}\t`,
    '',
  ].join('\n');
}
