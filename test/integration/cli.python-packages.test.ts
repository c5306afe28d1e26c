import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ApiClient } from '../../src/cli/api-client.ts';
import { packageFiles } from '../../src/cli/package-files.ts';
import { ProgressLine } from '../../src/cli/progress-line.ts';
import { parseFunctionConfig } from '../../src/config/function-config.ts';

const config = '{ "name": "report", "runtime": "python3", "entry": "main.py" }';
const client = new ApiClient({ url: 'http://localhost', key: undefined, dataDir: '/nowhere' });
const environment = { PATH: process.env['PATH'], PIP_NO_INDEX: '1' }; // no network in tests

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-python-'));
  await writeFile(join(dir, 'hearth.json'), config);
  await writeFile(join(dir, 'main.py'), 'def handler(event, context): pass\n');
});
afterEach(() => rm(dir, { recursive: true }));

const pack = async () => {
  using line = new ProgressLine();
  return await packageFiles(
    { client, environment, line },
    dir,
    config,
    parseFunctionConfig(config),
  );
};

/** The smallest package that pip installs. */
async function makeWheel(file: string): Promise<void> {
  const info = 'greeting-1.0.dist-info';
  const script = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr("greeting/__init__.py", "text = 'hello'\\n")
    wheel.writestr("${info}/METADATA", "Metadata-Version: 2.1\\nName: greeting\\nVersion: 1.0\\n")
    wheel.writestr("${info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr("${info}/RECORD", "")
`;
  execFileSync('/usr/bin/python3', ['-c', script, file]);
}

test('a Python folder is packed as it is, without what tools left there', async () => {
  for (const folder of ['lib', '__pycache__', '.venv', 'venv']) {
    await mkdir(join(dir, folder));
    await writeFile(join(dir, folder, 'module.py'), '');
  }
  const { files, config: sent } = await pack();
  expect([...files.keys()].toSorted()).toEqual(['lib/module.py', 'main.py']);
  expect(sent).toBe(config);
});

test('what its requirements.txt names comes with it', async () => {
  await makeWheel(join(dir, 'greeting-1.0-py3-none-any.whl'));
  await writeFile(join(dir, 'requirements.txt'), './greeting-1.0-py3-none-any.whl\n');
  const { files } = await pack();
  expect(Buffer.from(files.get('_packages/greeting/__init__.py') ?? '').toString()).toContain(
    'hello',
  );
});

test('what pip cannot install is told in its words', async () => {
  await writeFile(join(dir, 'requirements.txt'), 'not-a-package-of-anybody==1\n');
  await expect(pack()).rejects.toMatchObject({
    reason: 'cli.pip_failed',
    message: expect.stringContaining('not-a-package-of-anybody') as string,
  });
});
