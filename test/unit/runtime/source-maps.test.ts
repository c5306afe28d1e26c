import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bundle, bundleEntry } from '../../../src/cli/bundle.ts';
import { StartedBootstrap } from '../../support/started-bootstrap.ts';

const source = `interface Event { readonly kind: string }

function fail(event: Event): never {
  const message: string = 'wrong';
  throw new TypeError(message + event.kind);
}

export const handler = async (event: Event) => fail(event);
`;

let dir: string;
let bootstrap: StartedBootstrap;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hearth-source-maps-'));
  writeFileSync(join(dir, 'index.ts'), source);
  bootstrap = new StartedBootstrap();
});
afterEach(async () => {
  await bootstrap[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

async function stackOfFailure(files: ReadonlyMap<string, Uint8Array | string>): Promise<string> {
  for (const [name, contents] of files) writeFileSync(join(dir, name), contents);
  await bootstrap.init({ entry: join(dir, bundleEntry), env: {} });
  const { error } = await bootstrap.invoke({ trigger: 'event', body: '{"kind":"x"}' });
  expect(error).toMatchObject({ type: 'TypeError', message: expect.stringContaining('wrong') });
  return error.stack ?? '';
}

describe('the stack of an error', () => {
  test('names files, lines and columns of the sources', async () => {
    const stack = await stackOfFailure(await bundle(dir, 'index.ts', 'node24'));
    expect(stack).toContain(`at fail (${dir}/index.ts:5:9)`);
    expect(stack).toContain(`${dir}/index.ts:8:48`);
  });

  test('does so where the map stands in the module', async () => {
    const files = await bundle(dir, 'index.ts', 'node24');
    const [code, map] = [...files.values()].map((bytes) => Buffer.from(bytes));
    const inline = `data:application/json;base64,${map!.toString('base64')}`;
    const module = code!.toString().replace(/(?<=sourceMappingURL=).*/, inline);
    expect(await stackOfFailure(new Map([[bundleEntry, module]]))).toContain(`${dir}/index.ts:5:9`);
  });

  test.each([
    ['there is no map', undefined],
    ['the map is none', '{"version":3,'],
  ])('names those of the module where %s', async (_, map) => {
    const [code] = (await bundle(dir, 'index.ts', 'node24')).values();
    const files = new Map<string, Uint8Array | string>([[bundleEntry, code!]]);
    if (map !== undefined) files.set(`${bundleEntry}.map`, map);
    expect(await stackOfFailure(files)).toMatch(/at fail \(file:\/\/.*\/index\.mjs:\d+:9\)/);
  });
});
