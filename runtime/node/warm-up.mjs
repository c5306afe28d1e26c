import { setImmediate as turn } from 'node:timers/promises';
import { fetchHandler } from './fetch-handler.mjs';
import { lambdaHandler } from './lambda-handler.mjs';

const rounds = 50;
const anyModule = 'data:text/javascript,export default 0';
const message = { functionName: 'warm-up', version: '', memoryBytes: 0 };

const head = {
  id: '00000000-0000-4000-8000-000000000000',
  trigger: /** @type {const} */ ('http'),
  method: 'POST',
  url: '/?name=value',
  headers: /** @type {[string, string][]} */ ([
    ['host', 'localhost'],
    ['content-type', 'application/json'],
  ]),
  sourceIp: '127.0.0.1',
  deadlineMs: 0,
};

/**
 * Goes the ways that a first invocation will go, so that it finds them loaded and compiled: Node
 * loads Request and Response at their first use, which alone takes some 18 ms. What is answered
 * goes nowhere. Other events of the process are let in between.
 */
export async function warmUp() {
  const handlers = [
    fetchHandler(() => new Response('answer'), {}),
    lambdaHandler(async () => ({ statusCode: 200, body: 'answer' })),
  ];
  process.setSourceMapsEnabled(true);
  await import(anyModule);
  for (let round = 0; round < rounds; round += 1) {
    for (const handler of handlers) {
      const body = Buffer.from('{}');
      await handler({ ...message, head, body, responder: /** @type {any} */ (nowhere) });
      await turn();
    }
  }
}

const nowhere = {
  respond: async () => {},
  head: () => {},
  write: async () => {},
  end: () => {},
};
