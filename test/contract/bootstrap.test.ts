import { fileURLToPath } from 'node:url';
import { machinePrograms } from '../../src/images/index.ts';
import { describeBootstrap, type BootstrapSources } from './bootstrap.ts';

const runtime = (path: string) => fileURLToPath(new URL(`../../runtime/${path}`, import.meta.url));
const programs = machinePrograms(process.arch);

const javascript: BootstrapSources = {
  file: 'index.mjs',
  echo: `export const handler = async (event) =>
    event.version === '2.0'
      ? { statusCode: 201, headers: { 'X-Answer': 'yes' }, body: event.body }
      : event;`,
  logsTogether: `const started = Promise.withResolvers?.() ?? defer();
    function defer() { let resolve; const promise = new Promise((r) => (resolve = r)); return { promise, resolve }; }
    export const handler = async ({ name }) => {
      console.log('start of ' + name);
      if (name === 'second') started.resolve();
      await started.promise;
      console.error('end of ' + name);
    };`,
  throws: `function fail() { throw new TypeError('wrong'); }
    export const handler = async () => fail();`,
  streams: `export default { fetch(request) {
      const { search } = new URL(request.url);
      if (search === '?none') return new Response('');
      async function* chunks() {
        for (let i = 0; i < 10; i += 1) {
          yield new Uint8Array(64 * 1024);
          if (search === '?fail') throw new Error('half way');
        }
      }
      const iterator = chunks();
      return new Response(new ReadableStream({
        async pull(controller) {
          const { done, value } = await iterator.next();
          if (done) controller.close();
          else controller.enqueue(value);
        },
      }));
    } };`,
  readsStreams: `let go;
    const gone = new Promise((resolve) => (go = resolve));
    export default { async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === '/ignore') return new Response('not read');
      if (pathname === '/go') go();
      if (pathname === '/wait') await gone;
      return new Response(request.body ?? '');
    } };`,
  large: `export const handler = async () => 'x'.repeat(200_000);`,
  tooLarge: `export const handler = async () => 'x'.repeat(6 * 1024 ** 2 + 1);`,
  invalid: `export const handler = async () => ({ statusCode: 99 });`,
  exits: `export const handler = async () => { console.log('last'); process.exit(3); };`,
  clientContext: `export const handler = async (event, context) =>
    context.clientContext?.custom ?? null;`,
  environment: `export const handler = async () => ({ ...process.env });`,
  notLoading: {
    'Runtime.ImportModuleError': `import 'not-installed'; export const handler = () => {};`,
    'Runtime.UserCodeSyntaxError': 'export const = 1',
    'Runtime.HandlerNotFound': 'export const main = 1',
    RangeError: `throw new RangeError('at load');`,
  },
};

const python: BootstrapSources = {
  file: 'main.py',
  echo: `
def handler(event, context):
    if event.get("version") != "2.0":
        return event
    return {"statusCode": 201, "headers": {"X-Answer": "yes"}, "body": event["body"]}
`,
  logsTogether: `
import sys
import threading
started = threading.Event()
def handler(event, context):
    print("start of", event["name"])
    if event["name"] == "second":
        started.set()
    started.wait()
    print("end of", event["name"], file=sys.stderr)
`,
  throws: `
def fail():
    raise TypeError("wrong")
def handler(event, context):
    fail()
`,
  streams: `
def handler(event, context):
    query = event["rawQueryString"]
    def chunks():
        for _ in range(0 if query == "none" else 10):
            yield bytes(64 * 1024)
            if query == "fail":
                raise ValueError("half way")
    return {"statusCode": 200, "body": chunks()}
`,
  large: `
def handler(event, context):
    return "x" * 200_000
`,
  tooLarge: `
def handler(event, context):
    return "x" * (6 * 1024**2 + 1)
`,
  invalid: `
def handler(event, context):
    return {"statusCode": 99}
`,
  exits: `
import sys
def handler(event, context):
    print("last")
    sys.exit(3)
`,
  clientContext: `
def handler(event, context):
    return context.client_context and context.client_context.custom
`,
  environment: `
import os
def handler(event, context):
    return dict(os.environ)
`,
  notLoading: {
    'Runtime.ImportModuleError': 'import not_installed',
    'Runtime.UserCodeSyntaxError': 'def handler(',
    'Runtime.HandlerNotFound': 'def main(): pass',
    IndexError: 'raise IndexError("at load")',
  },
};

/** The same by coroutines, where that makes a difference. */
const asyncPython: BootstrapSources = {
  ...python,
  echo: python.echo.replace('def handler', 'async def handler'),
  logsTogether: `
import asyncio
import sys
started = asyncio.Event()
async def handler(event, context):
    print("start of", event["name"])
    if event["name"] == "second":
        started.set()
    await started.wait()
    print("end of", event["name"], file=sys.stderr)
`,
  throws: python.throws.replace('def handler', 'async def handler'),
  streams: python.streams
    .replace('def handler', 'async def handler')
    .replace('def chunks', 'async def chunks'),
  exits: python.exits.replace('def handler', 'async def handler'),
};

const node = runtime('node/bootstrap.mjs');
describeBootstrap('Node 22', [programs.node22, node], javascript);
describeBootstrap('Node 24', [programs.node24, node], javascript);
describeBootstrap('Node 26', [programs.node26, node], javascript);
describeBootstrap('Bun 1', [programs.bun1, node], javascript);
describeBootstrap('Python 3', [programs.python3, '-I', '-B', runtime('python')], python);
describeBootstrap(
  'Python 3 with coroutines',
  [programs.python3, '-I', '-B', runtime('python')],
  asyncPython,
);
