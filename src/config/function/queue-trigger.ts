import { Type, type Static } from 'typebox';
import type { QueueTrigger } from '../../domain/queue-trigger.ts';
import type { Problems } from './problems.ts';
import { strict } from './strict.ts';

export const queueNamePattern = '^[A-Za-z0-9._-]{1,100}$';

/** Where a queue is. */
export const queuePlaceKeys = {
  prefix: Type.Optional(
    Type.String({
      default: 'bull',
      pattern: '^[A-Za-z0-9._{}-]{1,100}$',
      description: "The `prefix` of the application's queue.",
    }),
  ),
  connection: Type.Optional(
    Type.String({
      description: "Which of HEARTH_QUEUES; the host's own durable Redis when absent.",
    }),
  ),
};

export const queueTriggersSchema = Type.Array(
  Type.Object(
    {
      name: Type.String({
        pattern: queueNamePattern,
        description: 'Of the BullMQ queue, as the application names it.',
      }),
      batchSize: Type.Optional(
        Type.Integer({
          default: 1,
          minimum: 1,
          maximum: 1_000,
          description: 'Jobs that one invocation takes at most; with 1 the data is the event.',
        }),
      ),
      maxConcurrency: Type.Optional(
        Type.Integer({
          default: 1,
          minimum: 1,
          maximum: 1_000,
          description: 'Invocations for this queue at a time on a node.',
        }),
      ),
      ...queuePlaceKeys,
    },
    strict,
  ),
  { maxItems: 20, default: [], description: 'Queues of applications whose jobs invoke it.' },
);

/** What the host itself keeps in its Redis begins so. */
const ownPrefix = 'hearth';

export function readQueueTriggers(
  config: Static<typeof queueTriggersSchema>,
  problems: Problems,
): readonly QueueTrigger[] {
  return config.map((trigger, index) => {
    const { name, batchSize = 1, maxConcurrency = 1, connection } = trigger;
    const prefix = readQueuePrefix(`triggers.queue.${index}.prefix`, trigger, problems);
    return { name, batchSize, maxConcurrency, prefix, connection };
  });
}

export function readQueuePrefix(
  key: string,
  {
    prefix = 'bull',
    connection,
  }: { readonly prefix?: string | undefined; readonly connection?: string | undefined },
  problems: Problems,
): string {
  if (connection === undefined && prefix.startsWith(ownPrefix)) {
    problems.add(`${key}: "${prefix}" is the host's own`);
  }
  return prefix;
}
