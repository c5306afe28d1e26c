import { AsyncLocalStorage } from 'node:async_hooks';
import { Channel } from './channel.mjs';
import { fromHost, json, splitGrant, splitInvoke, toHost } from './frames.mjs';
import { awslambda } from './lambda-stream.mjs';
import { loadHandler } from './load.mjs';
import { captureOutput } from './output.mjs';
import { Responder } from './responder.mjs';
import { describeLoadError, describeThrown } from './thrown.mjs';

/** After an error that nobody caught, as Lambda's runtimes exit. */
const uncaughtExitCode = 129;

/** Who has not been told what to load by then is a stem, and has the time to warm up. */
const stemAgeMs = 20;

/** @type {Map<string, Responder>} */
const underWay = new Map();
/** @type {AsyncLocalStorage<Responder>} */
const current = new AsyncLocalStorage();
/** @type {import('./load.mjs').InitMessage} */
let loaded;
/** @type {import('./load.mjs').Handler} */
let handler;
let isLoading = false;

const channel = new Channel((type, payload) => {
  if (type === fromHost.invoke) invoke(payload);
  else if (type === fromHost.grant) grant(payload);
  else if (type === fromHost.init) void init(JSON.parse(payload.toString()));
});
channel.send(
  toHost.hello,
  json({ protocol: 1, runtime: process.versions['bun'] ? 'bun' : 'node' }),
);
captureOutput(channel, () => current.getStore()?.id);
Object.assign(globalThis, { awslambda });
process.on('uncaughtException', uncaught);
process.on('unhandledRejection', uncaught);

const warmingUp = setTimeout(
  () => void import('./warm-up.mjs').then(({ warmUp }) => warmUp()),
  stemAgeMs,
);

/** @param {import('./load.mjs').InitMessage} message */
async function init(message) {
  clearTimeout(warmingUp);
  loaded = message;
  isLoading = true;
  try {
    handler = await loadHandler(message);
    channel.send(toHost.ready);
  } catch (thrown) {
    channel.send(toHost.initFailed, json(describeLoadError(thrown)));
  }
  isLoading = false;
}

/** @param {Buffer} payload */
function invoke(payload) {
  const { id, head, body } = splitInvoke(payload);
  const { functionName, version, memoryBytes } = loaded;
  const responder = new Responder(channel, id);
  const key = id.toString('latin1');
  underWay.set(key, responder);
  void current.run(responder, async () => {
    try {
      await handler({ responder, head, body, functionName, version, memoryBytes });
    } catch (thrown) {
      responder.fail(describeThrown(thrown));
    } finally {
      underWay.delete(key);
    }
  });
}

/** @param {Buffer} payload */
function grant(payload) {
  const { id, bytes } = splitGrant(payload);
  underWay.get(id.toString('latin1'))?.grant(bytes);
}

/**
 * Nothing is certain any more after an error that nobody caught: it becomes the answer of the
 * invocation that it came from, else of all under way, and the process ends.
 * @param {unknown} thrown
 */
function uncaught(thrown) {
  const error = describeThrown(thrown);
  console.error(`Uncaught ${error.stack ?? `${error.type}: ${error.message}`}`);
  if (isLoading) channel.send(toHost.initFailed, json(error));
  const responder = current.getStore();
  const concerned = responder && !responder.isOver ? [responder] : underWay.values();
  for (const one of concerned) one.fail({ ...error, fatal: true });
  channel.exitOnceSent(uncaughtExitCode);
}
