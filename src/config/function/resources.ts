import { Type, type Static } from 'typebox';
import type { FunctionSpec } from '../../domain/function.ts';
import { timeoutLimitMs } from '../../domain/limits.ts';
import { parseBytes, parseDuration } from '../../lib/units.ts';
import type { Problems } from './problems.ts';
import { readScratch, scratchSchema } from './scratch.ts';

/** What one sandbox of the function may have. */
export const resourceKeys = {
  memory: Type.Optional(
    Type.String({
      default: '128Mi',
      description: 'Memory of a sandbox, 64Mi to 32Gi. There is no swap.',
    }),
  ),
  cpu: Type.Optional(
    Type.Number({
      default: 1,
      minimum: 0.05,
      maximum: 64,
      description: 'Processors of a sandbox; 0.5 is half of one.',
    }),
  ),
  timeout: Type.Optional(
    Type.String({
      default: '30s',
      description: 'From acceptance to answer, 100ms to 15m. Then the sandbox is killed.',
    }),
  ),
  idleTimeout: Type.Optional(
    Type.String({
      default: '5m',
      description: 'A stream, or a WebSocket, on which nothing moves for so long ends: 1s to 24h.',
    }),
  ),
  concurrency: Type.Optional(
    Type.Integer({
      default: 1,
      minimum: 1,
      maximum: 1000,
      description: 'Invocations that one sandbox serves at once.',
    }),
  ),
  scratch: Type.Optional(scratchSchema),
};

const schema = Type.Object(resourceKeys);

export function readResources(
  config: Static<typeof schema>,
  problems: Problems,
): Pick<
  FunctionSpec,
  | 'memoryBytes'
  | 'cpu'
  | 'timeoutMs'
  | 'idleTimeoutMs'
  | 'concurrency'
  | 'scratchBytes'
  | 'scratchOnDisk'
> {
  const {
    memory = '128Mi',
    cpu = 1,
    timeout = '30s',
    idleTimeout,
    concurrency = 1,
    scratch,
  } = config;
  const memoryBytes = problems.quantity('memory', memory, parseBytes, ['64Mi', '32Gi']);
  return {
    memoryBytes,
    cpu,
    timeoutMs: problems.quantity('timeout', timeout, parseDuration, [
      '100ms',
      `${timeoutLimitMs}ms`,
    ]),
    ...(idleTimeout === undefined
      ? {}
      : {
          idleTimeoutMs: problems.quantity('idleTimeout', idleTimeout, parseDuration, [
            '1s',
            '24h',
          ]),
        }),
    concurrency,
    ...readScratch(scratch, memoryBytes, problems),
  };
}
