// An application of its own: adds jobs to a queue with stock BullMQ, and prints what became of them.
// Usage: node bullmq-producer.mjs <redis socket> <queue> <JSON: [{ data, opts }]> [bullmq or bullmq-5]
const [path = '', name = '', jobs = '[]', library = 'bullmq'] = process.argv.slice(2);
/** @type {{ Queue: typeof import('bullmq').Queue, QueueEvents: typeof import('bullmq').QueueEvents }} */
const { Queue, QueueEvents } =
  library === 'bullmq-5' ? /** @type {any} */ (await import('bullmq-5')) : await import('bullmq');
const connection = { path };
const events = new QueueEvents(name, { connection });
await events.waitUntilReady();
const queue = new Queue(name, { connection });
const added = await queue.addBulk(
  JSON.parse(jobs).map((/** @type {object} */ job) => ({ name: 'job', ...job })),
);
const results = await Promise.all(
  added.map((job) =>
    job.waitUntilFinished(events).then(
      (value) => ({ value }),
      (error) => ({ error: error.message }),
    ),
  ),
);
const attempts = await Promise.all(
  added.map(async ({ id = '' }) => (await queue.getJob(id))?.attemptsMade),
);
console.log(JSON.stringify(results.map((result, i) => ({ ...result, attempts: attempts[i] }))));
await Promise.all([queue.close(), events.close()]);
