import type { NodeId } from '../domain/ids.ts';
import type { EventQueueConnection } from './event-queue-connection.ts';
import type { TakenJob } from './event-queue-poller.ts';

/** Queues asked about together. */
const pageSize = 500;

/** The jobs of all event queues whose locks a node holds, each with the name of its function. */
export async function* jobsTakenBy(
  connection: EventQueueConnection,
  node: NodeId,
): AsyncGenerator<readonly [functionName: string, job: TakenJob]> {
  const { redis, keys } = connection;
  const functionNames = await redis.zrange(keys.work, '0', '-1'); // a queue with a job that was taken has work
  for (let from = 0; from < functionNames.length; from += pageSize) {
    const page = functionNames.slice(from, from + pageSize);
    const found = await Promise.all(page.map((name) => takenOf(connection, name, node)));
    for (const [index, functionName] of page.entries()) {
      for (const job of found[index] ?? []) yield [functionName, job];
    }
  }
}

async function takenOf(
  connection: EventQueueConnection,
  functionName: string,
  node: NodeId,
): Promise<readonly TakenJob[]> {
  const { keys: of } = connection.queue(functionName);
  const reply = (await connection.run('jobsTakenBy', [of['active'], of[''], node])) as string[];
  const jobs: TakenJob[] = [];
  for (let index = 0; index < reply.length; index += 2) {
    jobs.push({ id: reply[index] ?? '', token: reply[index + 1] ?? '' });
  }
  return jobs;
}
