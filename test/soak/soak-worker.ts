import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { answered, failed } from '../support/event-queue-worker.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { createEventQueueWorker } from '../../src/queue/index.ts';
import { alwaysFails } from './soak-rules.ts';
import { noTracing } from '../../src/domain/trace.ts';

// A worker node without containers: notes each run, takes a moment for it, and ends as the rule says.
const [redisPath = '', node = '', journalPath = '', runsPath = ''] = process.argv.slice(2);

const worker = createEventQueueWorker({
  redis: { path: redisPath },
  keyPrefix: 'soak',
  tracing: noTracing,
  node,
  journalPath,
  logger: silentLogger,
  functions: { get: () => undefined },
  runner: {
    capacityFor: () => 32,
    run: async ({ id, number }) => {
      await delay(Math.random() * 20);
      appendFileSync(runsPath, `${id} ${number}\n`);
      return alwaysFails(id) ? failed('by rule') : answered('ok');
    },
  },
});
await worker.service.start(new AbortController().signal);
process.stdout.write('ready\n');
