// A client of the Runtime API as an image would bring one, in a few lines.
const base = `http://${process.env['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime`;

/**
 * @param {string} path
 * @param {string | ReadableStream} body
 * @param {Record<string, string>} [headers]
 */
async function post(path, body, headers = {}) {
  const init = { method: 'POST', headers, body, duplex: 'half' };
  const answer = await fetch(`${base}${path}`, /** @type {any} */ (init));
  await answer.arrayBuffer();
  return answer.status;
}

/** @type {Record<string, (event: any, id: string) => unknown>} */
const handlers = {
  '/env': () => ({ ...process.env }),
  '/who': () => ({ uid: process.getuid?.(), gid: process.getgid?.(), cwd: process.cwd() }),
  '/throw': () => {
    throw new TypeError('wrong');
  },
  '/exit': () => process.exit(7),
  '/memory': () => {
    const blocks = [];
    for (;;) blocks.push(Buffer.alloc(8 * 1024 * 1024, 1));
  },
  '/hang': () => new Promise(() => setInterval(() => {}, 1000)),
  '/large': () => 'x'.repeat(7 * 1024 * 1024),
  '/forge': async (_, id) => {
    const other = '00000000-0000-4000-8000-000000000000';
    const first = await post(`/invocation/${id}/response`, '"first"');
    return [
      first,
      await post(`/invocation/${id}/response`, '2'),
      await post(`/invocation/${other}/response`, '3'),
    ];
  },
  '/log': (event) => {
    console.log(`this is ${event.rawQueryString}`);
    return 'logged';
  },
};

for (;;) {
  const next = await fetch(`${base}/invocation/next`);
  const id = next.headers.get('lambda-runtime-aws-request-id') ?? '';
  const event = /** @type {any} */ (await next.json());
  if (event.rawPath === '/stream') {
    const lines = ['one\n', 'two\n', 'three\n'];
    const encoder = new TextEncoder();
    const body = new ReadableStream({
      start: (controller) =>
        controller.enqueue(
          encoder.encode('{"statusCode":202,"headers":{"x-a":"b"}}\0\0\0\0\0\0\0\0'),
        ),
      pull: (controller) => {
        const line = lines.shift();
        if (line) controller.enqueue(encoder.encode(line));
        else controller.close();
      },
    });
    await post(`/invocation/${id}/response`, body, {
      'lambda-runtime-function-response-mode': 'streaming',
      'content-type': 'application/vnd.awslambda.http-integration-response',
    });
    continue;
  }
  try {
    const handler = handlers[event.rawPath];
    const result = handler ? await handler(event, id) : event;
    if (event.rawPath === '/forge') console.log(`forged: ${JSON.stringify(result)}`);
    else await post(`/invocation/${id}/response`, JSON.stringify(result));
  } catch (thrown) {
    const { name, message, stack } = /** @type {Error} */ (thrown);
    const error = { errorType: name, errorMessage: message, trace: stack?.split('\n') };
    await post(`/invocation/${id}/error`, JSON.stringify(error));
  }
}
