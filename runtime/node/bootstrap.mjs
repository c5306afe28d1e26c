import { setTimeout as delay } from 'node:timers/promises';
import { Channel } from './channel.mjs';
import { json, toHost } from './frames.mjs';
import { awslambda } from './lambda-stream.mjs';
import { captureOutput } from './output.mjs';
import { currentResponder, Session } from './session.mjs';
import { mapStackTraces } from './source-maps.mjs';
import { describeThrown } from './thrown.mjs';

/** After an error that nobody caught, as Lambda's runtimes exit. */
const uncaughtExitCode = 129;

/** Who has not been told what to load by then is a stem, and has the time to warm up. */
const stemAgeMs = 20;

/** Nor is it likely to be told soon, so that there is time to clear up. */
const idleAgeMs = 1000;

const channel = Channel.toHost((type, payload) => session.receive(type, payload));
const session = new Session(channel);
channel.send(
  toHost.hello,
  json({ protocol: 1, runtime: process.versions['bun'] ? 'bun' : 'node' }),
);
captureOutput(channel, currentResponder);
Object.assign(globalThis, { awslambda });
if (!process.versions['bun']) mapStackTraces(); // whose maps find no lines
process.on('uncaughtException', uncaught);
process.on('unhandledRejection', uncaught);

setTimeout(() => {
  if (!session.isBound) void warmUpMeanwhile();
}, stemAgeMs);

async function warmUpMeanwhile() {
  const { warmUp } = await import('./warm-up/warm-up.mjs');
  await warmUp(() => !session.isBound);
  await delay(idleAgeMs);
  const { releaseMemory } = await import('./warm-up/release-memory.mjs');
  if (!session.isBound) releaseMemory();
}

/**
 * Nothing is certain any more after an error that nobody caught: it becomes the answer of the
 * invocation that it came from, else of all under way, and the process ends.
 * @param {unknown} thrown
 */
function uncaught(thrown) {
  const error = describeThrown(thrown);
  console.error(`Uncaught ${error.stack ?? `${error.type}: ${error.message}`}`);
  session.failAll(error, currentResponder());
  channel.exitOnceSent(uncaughtExitCode);
}
