import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createEventQueues } from '../../src/queue/index.ts';
import { invocationOf } from '../support/event-queue-worker.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { noTracing } from '../../src/domain/trace.ts';

// A gateway's end: enqueues until it is killed, and prints the id of each that was accepted.
const [redisPath = '', functions = '1', callers = '8'] = process.argv.slice(2);

const queues = createEventQueues({
  redis: { path: redisPath },
  keyPrefix: 'soak',
  tracing: noTracing,
  logger: silentLogger,
});
await queues.service.start(new AbortController().signal);
process.stdout.write('ready\n');

async function call(): Promise<never> {
  for (;;) {
    const id = randomUUID();
    const functionName = `fn-${Math.floor(Math.random() * Number(functions))}`;
    const settings = { retention: { ageMs: 3_600_000, count: 1_000_000 } };
    try {
      await queues.invoker.enqueue(invocationOf(id, { functionName, settings }));
      process.stdout.write(`${id}\n`);
    } catch {
      await delay(20); // refused, or Redis is away: nothing was promised
    }
  }
}
await Promise.all(Array.from({ length: Number(callers) }, call));
