import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StartedBootstrap } from '../../support/started-bootstrap.ts';

let dir: string;
let compiler: StartedBootstrap;
let bootstrap: StartedBootstrap;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hearth-compiled-'));
  compiler = new StartedBootstrap();
  bootstrap = new StartedBootstrap();
});
afterEach(async () => {
  await compiler[Symbol.asyncDispose]();
  await bootstrap[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

/** Answers with the folder that it was loaded from compiled code in, if it was. */
const source = `import { getCompileCacheDir } from 'node:module';
  export const handler = async () => getCompileCacheDir() ?? 'none';`;

async function folderOf(entry: string, code?: Uint8Array): Promise<string> {
  expect((await bootstrap.init({ entry, env: {} }, code)).name).toBe('ready');
  return JSON.parse((await bootstrap.invoke({ trigger: 'event' })).body.toString()) as string;
}

describe('compiling', () => {
  test('runs nothing of the module', async () => {
    const trace = join(dir, 'trace');
    const entry = compiler.write(`import { writeFileSync } from 'node:fs';
      writeFileSync(${JSON.stringify(trace)}, 'ran');
      export const handler = async () => {};`);
    expect((await compiler.compile(entry)).length).toBeGreaterThan(0);
    expect(existsSync(trace)).toBe(false);
  });

  test('gives what another process loads the module from, in a folder that is gone then', async () => {
    const entry = compiler.write(source);
    const folder = await folderOf(entry, await compiler.compile(entry));
    expect(folder).toContain('compiled-');
    expect(existsSync(folder)).toBe(false);
  });

  test.each([
    ['is another module', 'compiled'],
    ['is no such thing', 'broken'],
  ])('costs nothing but time where what it gave %s', async (_, kind) => {
    const code = await compiler.compile(compiler.write('export const other = 1;'));
    const entry = bootstrap.write(source);
    await folderOf(entry, kind === 'broken' ? Buffer.from('broken') : code);
  });

  test('of a module that does not load gives nothing that harms', async () => {
    await compiler.compile(compiler.write('export const = 1'));
    const entry = bootstrap.write('export const = 1');
    expect((await bootstrap.init({ entry, env: {} })).payload.toString()).toContain('SyntaxError');
  });
});
