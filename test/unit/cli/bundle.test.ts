import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bundle } from '../../../src/cli/bundle.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-bundle-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** Bundles and loads what came out. */
async function load(): Promise<Record<string, unknown>> {
  const files = await bundle(dir, 'index.ts', 'node24');
  for (const [name, content] of files) await writeFile(join(dir, name), content);
  return (await import(pathToFileURL(join(dir, 'index.mjs')).href)) as Record<string, unknown>;
}

describe('a bundle', () => {
  test('is one module and its map, the same bytes wherever the folder is', async () => {
    await writeFile(join(dir, 'part.ts'), 'export const part: string = "part";');
    await writeFile(join(dir, 'index.ts'), 'export { part } from "./part.ts";');
    const copy = await mkdtemp(join(tmpdir(), 'hearth-bundle-copy-'));
    await cp(dir, copy, { recursive: true });
    const [first, second] = [
      await bundle(dir, 'index.ts', 'node24'),
      await bundle(copy, 'index.ts', 'node24'),
    ];
    await rm(copy, { recursive: true });
    expect([...first.keys()]).toEqual(['index.mjs', 'index.mjs.map']);
    expect(Buffer.from(first.get('index.mjs') ?? '').toString()).toContain('part');
    expect(second).toEqual(first);
    expect((await load())['part']).toBe('part');
  });

  test('can have CommonJS in it that requires what Node brings', async () => {
    await writeFile(join(dir, 'old.cjs'), 'exports.sep = require("path").sep;');
    await writeFile(
      join(dir, 'index.ts'),
      'import old from "./old.cjs"; export const { sep } = old;',
    );
    expect((await load())['sep']).toBe('/');
  });

  test('can have CommonJS in it that asks where it lies, and modules that say so themselves', async () => {
    await writeFile(join(dir, 'old.cjs'), 'exports.places = [__dirname, __filename];');
    await writeFile(
      join(dir, 'index.ts'),
      `import old from "./old.cjs";
      const __filename = "mine";
      export const places = [...old.places, __filename];`,
    );
    expect((await load())['places']).toEqual([dir, join(dir, 'index.mjs'), 'mine']);
  });

  test('of a CommonJS handler has it where the bootstrap looks', async () => {
    await writeFile(join(dir, 'index.ts'), 'exports.handler = () => 1;');
    expect(await load()).toMatchObject({ default: { handler: expect.any(Function) as unknown } });
  });

  test('is refused with file, line and column of each mistake', async () => {
    await writeFile(
      join(dir, 'index.ts'),
      'const a = 1;\nimport { b } from "./none.ts";\nconst = 2;\n',
    );
    await expect(bundle(dir, 'index.ts', 'node24')).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(/index\.ts:3:7: .*\n {4}const = 2;/) as string,
    });
    await expect(bundle(dir, 'absent.ts', 'node24')).rejects.toThrow(/absent\.ts/);
  });
});
