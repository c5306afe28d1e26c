import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeDataDir } from '../support/running-host.ts';
import { traces } from '../support/traces.ts';

// What the README promises a new user, as the README writes it.
const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
const commands = readme
  .match(/```sh\n[^`]*```/g)
  ?.flatMap((block) => block.split('\n').slice(1, -1))
  .filter((line) => !line.startsWith('npm')) as string[];

let dataDir: string;
let host: ChildProcess;
let output = '';
let environment: NodeJS.ProcessEnv;

beforeAll(async () => {
  dataDir = await makeDataDir();
  environment = { ...process.env, HEARTH_DATA: dataDir, HEARTH_LISTEN: '127.0.0.1:0' };
  host = spawn('npm', ['start'], { cwd: root, env: environment, detached: true });
  host.stdout?.on('data', (text: Buffer) => (output += text.toString()));
  host.stderr?.on('data', (text: Buffer) => (output += text.toString()));
  const limit = AbortSignal.timeout(220_000);
  while (!/^Ctrl-C/m.test(output)) await once(host.stdout!, 'data', { signal: limit });
  environment['HEARTH_URL'] = /^address\s+(\S+)/m.exec(output)?.[1];
});
afterAll(() => rm(dataDir, { recursive: true, force: true }));

describe('npm start', () => {
  test('tells each step with its time, what it called, and where it answers', () => {
    expect(output).toMatch(/✓ base image node24 +[\d.]+ m?s/);
    expect(output).toMatch(/✓ deploy hello +[\d.]+ m?s/);
    expect(output).toMatch(/200 "Hello, Ada!" +(stem|cold), [\d.]+ m?s/);
    expect(output).toMatch(/200 "Hello, Ada!" +(warm|thawed), [\d.]+ m?s/);
    expect(output).toContain(`${dataDir}/root.key`);
  });

  const ending = commands.filter((command) => !command.endsWith('# until Ctrl-C'));
  test.each(ending)('is followed by "%s" in the README, which works', async (command) => {
    const url = environment['HEARTH_URL'] ?? '';
    const here = command.replace('http://127.0.0.1:8080', url);
    const { stdout } = await promisify(execFile)('sh', ['-c', here], {
      cwd: root,
      env: environment,
    });
    if (command.startsWith('curl')) expect(stdout).toBe('Hello, Ada!');
    if (command.includes('--async')) expect(stdout).toMatch(/^[0-9a-f-]{36}$/m);
    else if (command.includes('hearth invoke')) expect(stdout).toContain('"be":2');
    if (command.includes('logs')) expect(stdout).toContain('4 distinct words');
  });

  const following = commands.filter((command) => !ending.includes(command));
  test.each(following)('is followed by "%s", which prints until Ctrl-C', async (command) => {
    const options = { cwd: root, env: environment, detached: true };
    const follower = spawn('sh', ['-c', command], options);
    const exited = once(follower, 'exit');
    await once(follower.stdout, 'data', { signal: AbortSignal.timeout(120_000) });
    process.kill(-follower.pid!, 'SIGINT'); // the terminal sends it to the whole group
    await exited;
  });

  test('ends at Ctrl-C and leaves nothing behind', async () => {
    const exited = once(host, 'exit');
    process.kill(-host.pid!, 'SIGINT'); // the terminal sends it to the whole group
    await exited;
    const { processes, mounts } = traces(dataDir);
    expect(processes).toEqual([]);
    expect(mounts.filter((line) => line.includes(dataDir))).toEqual([]);
  });
});
