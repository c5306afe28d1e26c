import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compare, loadExamples, requestOf } from '../support/fixture.ts';
import { startHost, type RunningHost } from '../support/running-host.ts';

const examples = await loadExamples(fileURLToPath(new URL('../../functions', import.meta.url)));

let host: RunningHost;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host?.[Symbol.asyncDispose]());

test.each(examples)('the example $name answers as it says', async (example) => {
  const { exitCode, stderr } = await host.hearth('deploy', example.dir);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const { path, needsKey, init } = requestOf(example);
  const response = await (needsKey ? host.fetchWithKey(path, init) : host.fetch(path, init));
  const { status, headers } = response;
  const body = new Uint8Array(await response.arrayBuffer());
  expect(compare(example.expected, { status, headers, body })).toEqual([]);
});
