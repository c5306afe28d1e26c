import { describe, expect, test } from 'vitest';
import { parseFunctionConfig } from '../../../src/config/function-config.ts';
import { HostError } from '../../../src/domain/errors.ts';

function problemsOf(text: string): readonly string[] {
  try {
    parseFunctionConfig(text);
  } catch (error) {
    if (error instanceof HostError) return error.details['problems'] as string[];
    throw error;
  }
  return [];
}

describe('hearth.json', () => {
  test('needs a name and an entry; the rest has defaults', () => {
    expect(parseFunctionConfig('{ "name": "hello", "entry": "./index.ts" }')).toEqual({
      name: 'hello',
      runtime: 'node24',
      entry: 'index.ts',
      memoryBytes: 134_217_728,
      cpu: 1,
      timeoutMs: 30_000,
      concurrency: 1,
      env: {},
      secrets: [],
      http: undefined,
      isolation: 'function',
      scratchBytes: 67_108_864,
      volumes: [],
      scaling: { min: 0, max: 50 },
    });
  });

  test('may have comments and trailing commas', () => {
    const text = '{ // who\n "name": "a", /* what */ "entry": "a.ts", }';
    expect(parseFunctionConfig(text).name).toBe('a');
  });

  test('takes one destination for each end, with what belongs to it', () => {
    const config = (async: string) => `{ "name": "a", "entry": "a", "async": ${async} }`;
    const webhook = '{ "webhook": "https://example.com/done", "secret": "SIGN" }';
    const queue = '{ "queue": "done", "connection": "apps" }';
    const { async } = parseFunctionConfig(
      config(`{ "onSuccess": ${webhook}, "onFailure": ${queue} }`),
    );
    expect(async).toMatchObject({
      onSuccess: { webhook: 'https://example.com/done', secret: 'SIGN' },
      onFailure: { queue: 'done', prefix: 'bull', connection: 'apps' },
    });
    const problem = (destination: string) =>
      problemsOf(config(`{ "onSuccess": ${destination} }`)).join('; ');
    expect(problem('{}')).toContain('name one of function, webhook and queue');
    expect(problem('{ "function": "b", "queue": "c" }')).toContain('name one of');
    expect(problem('{ "function": "b", "secret": "S" }')).toContain('for a webhook');
    expect(problem('{ "function": "b", "prefix": "p" }')).toContain('for a queue');
    expect(problem('{ "webhook": "ftp://example.com" }')).toContain('not an http or https URL');
    expect(problem('{ "webhook": "https://a:b@example.com" }')).toContain('sign with a secret');
    expect(problem('{ "queue": "q", "prefix": "hearth" }')).toContain("the host's own");
  });

  test('asks callers for a key unless it says otherwise', () => {
    const text = '{ "name": "a", "entry": "a.ts", "triggers": { "http": {} } }';
    expect(parseFunctionConfig(text).http).toEqual({ auth: 'key', methods: [] });
  });

  test('takes hosts by their names in lower case', () => {
    const config = (host: string) =>
      `{ "name": "a", "entry": "a", "triggers": { "http": { "hosts": ["${host}"] } } }`;
    expect(parseFunctionConfig(config('api.example.com')).http?.hosts).toEqual(['api.example.com']);
    for (const bad of ['API.example.com', 'localhost', '10.0.0.1', '*.example.com', 'a.com:80']) {
      expect(problemsOf(config(bad))).toHaveLength(1);
    }
  });

  test('takes what each way of letting callers in needs, and only that', () => {
    const config = (http: string) =>
      `{ "name": "a", "entry": "a", "triggers": { "http": ${http} } }`;
    const jwt = '"jwt": { "issuer": "https://i", "audience": "a", "jwks": "https://i/keys" }';
    const hmac = '"hmac": { "format": "github", "secret": "WEBHOOK" }';
    expect(parseFunctionConfig(config(`{ "auth": "jwt", ${jwt} }`)).http).toMatchObject({
      auth: 'jwt',
      jwt: { audience: 'a' },
    });
    expect(parseFunctionConfig(config(`{ "auth": "hmac", ${hmac} }`)).http?.hmac?.format).toBe(
      'github',
    );
    expect(problemsOf(config('{ "auth": "jwt" }'))).toEqual([
      'triggers.http.jwt: is missing for "auth": "jwt"',
    ]);
    expect(problemsOf(config(`{ "auth": "key", ${hmac} }`))).toEqual([
      'triggers.http.hmac: needs "auth": "hmac"',
    ]);
    expect(
      problemsOf(config(`{ "auth": "jwt", ${jwt.replace('https://i/', 'http://i/')} }`)),
    ).toHaveLength(1);
    expect(
      problemsOf(config('{ "cors": { "origins": ["*"], "credentials": true } }')),
    ).toHaveLength(1);
  });

  test('names every problem at once', () => {
    expect(problemsOf('{ "runtime": "ruby", "cpu": "1", "memry": "1Gi" }')).toEqual([
      'name: is missing',
      'memry: unknown key',
      'runtime: must be one of node24, node22, node26, bun1, python3, image',
      'cpu: must be number',
    ]);
  });

  test('runs a module, or an image of the user, as the runtime says', () => {
    const image = parseFunctionConfig('{ "name": "a", "runtime": "image", "image": "team/a:1" }');
    expect(image).toMatchObject({ image: { reference: 'team/a:1', channel: 'auto' }, entry: '' });
    expect(problemsOf('{ "name": "a" }')).toEqual(['entry: is missing']);
    expect(problemsOf('{ "name": "a", "runtime": "image" }')).toEqual([
      'image: is missing; it names the image to run',
    ]);
    expect(problemsOf('{ "name": "a", "entry": "a.ts", "image": "b", "channel": "http" }')).toEqual(
      ['image: needs "runtime": "image"', 'channel: needs "runtime": "image"'],
    );
    expect(problemsOf('{ "name": "a", "entry": "main.py" }')).toEqual([
      'entry: main.py is a Python module; set "runtime" to "python3"',
    ]);
  });

  test('names secrets, which are not variables at the same time', () => {
    const config = (secrets: string) =>
      `{ "name": "a", "entry": "a.ts", "env": { "B": "" }, "secrets": ${secrets} }`;
    expect(parseFunctionConfig(config('["A"]')).secrets).toEqual(['A']);
    expect(problemsOf(config('["A", "B"]'))).toEqual(['secrets: B is in env too']);
    expect(problemsOf(config('["A", "A"]'))).toHaveLength(1);
    expect(problemsOf(config('["a-b"]'))).toHaveLength(1);
  });

  test('has secrets as files too, each in its place', () => {
    const config = (secrets: string) =>
      `{ "name": "a", "entry": "a.ts", "env": { "B": "" }, "secrets": ${secrets} }`;
    expect(parseFunctionConfig(config('["A", { "name": "B", "file": "b.pem" }]'))).toMatchObject({
      secrets: ['A'],
      secretFiles: [{ name: 'B', file: 'b.pem' }],
    });
    const twice = '[{ "name": "A", "file": "x" }, { "name": "B", "file": "x" }]';
    expect(problemsOf(config(twice))).toEqual(['secrets: the file "x" is there twice']);
    expect(problemsOf(config('[{ "name": "A" }]'))).toEqual(['secrets.0.file: is missing']);
    for (const file of ['', '..', '../x', 'a/b', '.hidden']) {
      expect(problemsOf(config(`[{ "name": "A", "file": "${file}" }]`))).toHaveLength(1);
    }
  });

  test('has its scratch volume in memory as far as that can be, or on disk', () => {
    const config = (scratch: string, memory = '128Mi') =>
      `{ "name": "a", "entry": "a.ts", "memory": "${memory}", "scratch": ${scratch} }`;
    const scratchOf = (text: string) => {
      const { scratchBytes, scratchOnDisk } = parseFunctionConfig(text);
      return [scratchBytes / 2 ** 20, scratchOnDisk];
    };
    expect(scratchOf(config('"128Mi"'))).toEqual([128, undefined]);
    expect(scratchOf(config('"129Mi"'))).toEqual([129, true]);
    expect(scratchOf(config('"4Gi"', '8Gi'))).toEqual([4096, undefined]);
    expect(scratchOf(config('"20Gi"'))).toEqual([20_480, true]);
    expect(scratchOf(config('{ "size": "64Mi", "disk": true }'))).toEqual([64, true]);
    expect(scratchOf(config('{ "size": "64Mi" }'))).toEqual([64, undefined]);
    for (const wrong of ['"2Ti"', '{ "size": "1Mi", "disk": true }', '"1Ki"', '{ "disk": true }']) {
      expect(problemsOf(config(wrong)).join()).toContain('scratch');
    }
    expect(problemsOf(config('{ "size": "1Gi", "disk": false }'))).toEqual([
      'scratch: "1Gi" does not fit into the memory of 128.0 MiB; leave out "disk"',
    ]);
  });

  test('names every amount that is out of bounds', () => {
    const text = `{ "name": "Not A Name", "entry": "../a.ts", "memory": "1Mi", "timeout": "1h",
                    "scratch": "lots", "env": { "A": "${'x'.repeat(5000)}" } }`;
    expect(problemsOf(text).map((problem) => problem.split(':')[0])).toEqual([
      'name',
      'memory',
      'timeout',
      'scratch',
      'entry',
      'env',
    ]);
  });

  test.each([
    ['more kept ready than there may be', '"scaling": { "min": 3, "max": 2 }', 'scaling.min'],
    [
      'a fresh sandbox for each of several',
      '"isolation": "invocation", "concurrency": 2',
      'concurrency',
    ],
    [
      'to tell callers apart who have no key',
      '"isolation": "tenant", "triggers": { "http": { "auth": "none" } }',
      'isolation',
    ],
    [
      'sandboxes ready for nobody knows whom',
      '"isolation": "tenant", "scaling": { "min": 1 }',
      'scaling.min',
    ],
  ])('cannot ask for %s', (_what, keys, key) => {
    const problems = problemsOf(`{ "name": "a", "entry": "a.ts", ${keys} }`);
    expect(problems.map((problem) => problem.split(':')[0])).toEqual([key]);
  });

  test('says for how long a stream may stand still, or leaves it at what is usual', () => {
    const config = (text: string) => `{ "name": "a", "entry": "a.ts", "idleTimeout": "${text}" }`;
    expect(parseFunctionConfig(config('90s')).idleTimeoutMs).toBe(90_000);
    expect(problemsOf(config('10ms')).join()).toContain('idleTimeout');
    expect(problemsOf(config('2d')).join()).toContain('idleTimeout');
  });

  test('says how long an idle sandbox is kept, or leaves it to be learnt', () => {
    const keepWarm = (text: string) =>
      parseFunctionConfig(`{ "name": "a", "entry": "a.ts", "scaling": { "keepWarm": "${text}" } }`)
        .scaling.keepWarmMs;
    expect(keepWarm('auto')).toBeUndefined();
    expect(keepWarm('5m')).toBe(300_000);
  });

  test('that is not JSON is told with its line', () => {
    expect(problemsOf('{\n "name": }')).toEqual(['line 2: ValueExpected']);
  });
});
