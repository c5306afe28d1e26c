import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { machinePrograms } from '../../../src/images/index.ts';

const { node22, node24, node26, bun1 } = machinePrograms(process.arch);
const file = fileURLToPath(new URL('../../support/programs/warming-up.ts', import.meta.url));

async function warmUp(program: string, looks: number): Promise<string> {
  const { stdout } = await promisify(execFile)(program, [file, String(looks)], { env: {} });
  return stdout;
}

test.each(Object.entries({ node22, node24, node26, bun1 }))(
  'a stem of %s goes the whole way of functions of both kinds',
  async (_, program) => {
    const output = await warmUp(program, 1000);
    expect(output).toContain('POST /path');
    expect(output).toContain('called /path');
    expect(output).toMatch(/asked \d+\n$/);
  },
  30_000,
);

test('a stem stops to warm up when it is wanted', async () => {
  const output = await warmUp(node24, 2);
  expect(output.match(/GET|POST/g)).toHaveLength(1);
  expect(output).toContain('asked 3');
}, 30_000);

test.each(Object.entries({ node22, node24, node26 }))(
  'a stem of %s gives memory back, and leaves no way to do so to the function',
  async (_, program) => {
    const module = new URL('../../../runtime/node/warm-up/release-memory.mjs', import.meta.url);
    const script = `import { runInNewContext } from 'node:vm';
      import { releaseMemory } from '${module.href}';
      let garbage = Array.from({ length: 100_000 }, (_, i) => ({ i }));
      garbage = undefined;
      const before = process.memoryUsage().heapTotal;
      releaseMemory();
      console.log(process.memoryUsage().heapTotal < before, runInNewContext('typeof gc'), typeof gc);`;
    const args = ['--input-type=module', '--eval', script];
    const { stdout } = await promisify(execFile)(program, args, { env: {} });
    expect(stdout).toBe('true undefined undefined\n');
  },
  30_000,
);
