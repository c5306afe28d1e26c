import { Type, type Static } from 'typebox';
import type { DestinationSettings } from '../../domain/async-settings.ts';
import { isName } from '../../domain/ids.ts';
import type { Problems } from './problems.ts';
import { queueNamePattern, queuePlaceKeys, readQueuePrefix } from './queue-trigger.ts';
import { strict } from './strict.ts';

/** One of `function`, `webhook` and `queue`; the rest belongs to one of these. */
export const destinationSchema = Type.Object(
  {
    function: Type.Optional(
      Type.String({ description: 'A function that is invoked with the event and the answer.' }),
    ),
    webhook: Type.Optional(
      Type.String({ description: 'Or an http or https URL to which both are posted.' }),
    ),
    secret: Type.Optional(
      Type.String({ description: 'The secret with which what is posted is signed.' }),
    ),
    queue: Type.Optional(
      Type.String({
        pattern: queueNamePattern,
        description: 'Or a BullMQ queue to which both are added, as a job.',
      }),
    ),
    ...queuePlaceKeys,
  },
  strict,
);

export function readDestination(
  key: string,
  config: Static<typeof destinationSchema> | undefined,
  problems: Problems,
): DestinationSettings | undefined {
  if (!config) return undefined;
  const { function: name, webhook, secret, queue, prefix, connection } = config;
  if ([name, webhook, queue].filter((each) => each !== undefined).length !== 1) {
    problems.add(`${key}: name one of function, webhook and queue`);
  }
  if (secret !== undefined && webhook === undefined) problems.add(`${key}.secret: for a webhook`);
  if ((prefix ?? connection) !== undefined && queue === undefined) {
    problems.add(`${key}: prefix and connection are for a queue`);
  }
  if (webhook !== undefined) {
    const problem = problemOfUrl(webhook);
    if (problem !== undefined) problems.add(`${key}.webhook: ${problem}`);
    return { webhook, ...(secret === undefined ? {} : { secret }) };
  }
  if (queue !== undefined) {
    const read = readQueuePrefix(`${key}.prefix`, { prefix, connection }, problems);
    return { queue, prefix: read, ...(connection === undefined ? {} : { connection }) };
  }
  if (name === undefined) return undefined;
  if (!isName(name)) problems.add(`${key}: "${name}" cannot be the name of a function`);
  return { function: name };
}

/** Undefined: it can be posted to. */
export function problemOfUrl(text: string): string | undefined {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) return `"${text}" is not an http or https URL`;
  if (url.username || url.password) return 'a URL must not hold a password: sign with a secret';
  return undefined;
}
