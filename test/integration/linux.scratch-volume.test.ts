import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ScratchVolume } from '../../src/linux/index.ts';
import { CommandedShell, obeyingScript } from '../support/commanded-shell.ts';

/** In a mount namespace of its own, as a sandbox is, with a file system in memory at `dir`. */
let shell: CommandedShell;
let child: ChildProcess;
let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-scratch-'));
  await mkdir(join(dir, 'tmp'));
  const command = ['sh', '-c', obeyingScript('0', '1')];
  child = spawn('unshare', ['--mount', '--propagation', 'private', '--', ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  shell = new CommandedShell(child.stdin!, child.stdout!);
  await shell.run(`cd ${dir} && mount -t tmpfs -o size=1m,nr_inodes=64 tmpfs tmp`);
});
afterEach(async () => {
  child.kill('SIGKILL');
  await rm(dir, { recursive: true, force: true });
});

function volume(path = join(dir, 'tmp')): ScratchVolume {
  const found = ScratchVolume.of(child.pid!, path);
  if (!found) throw new TypeError(`nothing at ${path}`);
  return found;
}

describe('a scratch volume, seen from outside', () => {
  test.each([
    ['a file', 'echo x > tmp/file', 'rm tmp/file'],
    ['an empty file', ': > tmp/file', 'rm tmp/file'],
    ['a folder', 'mkdir tmp/folder', 'rmdir tmp/folder'],
    ['a link', 'ln -s / tmp/link', 'rm tmp/link'],
    ['a socket or pipe', 'mkfifo tmp/pipe', 'rm tmp/pipe'],
    ['a file that is open and has no name', 'exec 5> tmp/file; rm tmp/file', 'exec 5>&-'],
  ])('is empty until there is %s, and again when it is gone', async (_, make, remove) => {
    using found = volume();
    expect(found.isEmpty).toBe(true);
    await shell.run(make);
    expect(found.isEmpty).toBe(false);
    await shell.run(remove);
    expect(found.isEmpty).toBe(true);
  });

  test('is emptied of everything, and links are not followed out of it', async () => {
    const outside = join(dir, 'outside');
    await mkdir(outside);
    await writeFile(join(outside, 'kept'), 'x');
    using found = volume();
    await shell.run(
      `ln -s ${outside} tmp/link; mkdir -p tmp/a/b; echo x > tmp/a/b/c; : > tmp/.dot`,
    );
    await found.empty();
    expect(found.isEmpty).toBe(true);
    expect(await shell.run('ls -A tmp')).toEqual([]);
    expect(await readdir(outside)).toEqual(['kept']);
  });

  test('is not empty while somebody has a file open that was in it', async () => {
    using found = volume();
    await shell.run('exec 5> tmp/file');
    await found.empty();
    expect(found.isEmpty).toBe(false);
  });

  test('is none where the path is a folder of a larger file system', () => {
    expect(ScratchVolume.of(child.pid!, '/proc')).toBeUndefined();
    expect(ScratchVolume.of(child.pid!, '/usr')).toBeUndefined();
  });

  test('is none behind a link, nor in a process that shares our mounts', async () => {
    await shell.run('ln -s tmp link');
    expect(() => ScratchVolume.of(child.pid!, join(dir, 'link'))).toThrow();
    expect(() => ScratchVolume.of(process.pid, '/tmp')).toThrow(/mount namespace of the host/);
  });

  test('can be let go of twice, and is nothing after that', () => {
    const found = volume();
    found[Symbol.dispose]();
    found[Symbol.dispose]();
    expect(found.isEmpty).toBe(true);
  });
});
