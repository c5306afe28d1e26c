import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parseFunctionConfig } from '../../../src/config/function-config.ts';
import { compare, loadExamples, requestOf } from '../../support/fixture.ts';

const examples = await loadExamples(fileURLToPath(new URL('../../../functions', import.meta.url)));

describe('the examples', () => {
  test.each(examples)('$name has a valid hearth.json with its name', async ({ name, dir }) => {
    const { name: configured } = parseFunctionConfig(
      await readFile(join(dir, 'hearth.json'), 'utf8'),
    );
    expect(configured).toBe(name);
  });

  test('become requests of the routes for HTTP and for events', () => {
    const http = { method: 'POST', path: '/a?b=1', bodyBase64: 'AP8=' };
    expect(requestOf({ name: 'x', input: { http } })).toMatchObject({
      path: '/fn/x/a?b=1',
      needsKey: false,
      init: { method: 'POST', body: Buffer.from([0, 255]) },
    });
    expect(requestOf({ name: 'x', input: { event: [1] } })).toMatchObject({
      path: '/v1/functions/x/invocations',
      needsKey: true,
      init: { method: 'POST', body: '[1]' },
    });
  });
});

describe('an answer', () => {
  const actual = {
    status: 200,
    headers: new Headers({ 'content-type': 'application/json', other: '1' }),
    body: Buffer.from('{"a": 1, "b": 2}'),
  };

  test('is the expected one when all that is expected agrees', () => {
    const headers = { 'content-type': 'application/json' };
    const sha256 = 'd8497d9d82770a70729261095aa98f7ef5154d7af499f8037b6ca250296785a6';
    const expected = { status: 200, headers, json: { b: 2, a: 1 }, error: { a: 1 }, sha256 };
    expect(compare(expected, actual)).toEqual([]);
  });

  test.each([
    ['status', { status: 201 }],
    ['header other', { status: 200, headers: { other: '2' } }],
    ['body', { status: 200, body: '{}' }],
    ['json', { status: 200, json: { a: 1 } }],
    ['sha256', { status: 200, sha256: '00' }],
    ['error.code', { status: 200, error: { code: 'x' } }],
  ])('differs in its %s', (what, expected) => {
    expect(compare(expected, actual)).toEqual([expect.stringMatching(new RegExp(`^${what}: `))]);
  });
});
