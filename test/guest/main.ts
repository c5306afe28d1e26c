// `npm run test:guest`: the tests of the kernel's parts and of the runtime core in a virtual machine
// with cgroup version 2, which this one may not have. Arguments: other test files.
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { exec, exitOf, minimalEnv, spawnProcess } from '../../src/lib/exec.ts';
import { findGuestParts, type GuestParts } from './machine.ts';

const initramfsConfig = fileURLToPath(new URL('initramfs', import.meta.url));
const init = fileURLToPath(new URL('init.sh', import.meta.url));

const defaultTests = ['contract/container-engine', 'integration/linux', 'integration/containers'];
const limitMs = 60 * 60_000;

async function runGuest(parts: GuestParts, tests: readonly string[]): Promise<boolean> {
  const dir = await mkdtemp(join(tmpdir(), 'hearth-guest-'));
  const initrd = join(dir, 'initrd');
  const socket = join(dir, 'files.sock');
  const children: ChildProcess[] = [];
  const start = (program: string, args: readonly string[], output: 'pipe' | 'ignore') => {
    const child = spawnProcess(program, args, {
      stdio: ['ignore', output, output],
      env: minimalEnv,
    });
    children.push(child);
    return child;
  };
  try {
    await exec(parts.mkinitramfs, ['-d', initramfsConfig, '-o', initrd, parts.kernel]);
    const files = start(parts.virtiofsd, virtiofsdArgs(socket), 'ignore');
    while (!existsSync(socket) && files.exitCode === null) await delay(50);
    const guest = start(parts.qemu, qemuArgs(parts.kernel, initrd, socket, tests), 'pipe');
    const stop = () => guest.kill('SIGKILL');
    const limit = setTimeout(stop, limitMs);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
    let lastWords = '';
    for (const stream of [guest.stdout!, guest.stderr!]) {
      stream.on('data', (text: Buffer) => {
        process.stdout.write(text);
        lastWords = (lastWords + text.toString()).slice(-4096);
      });
    }
    await exitOf(guest);
    clearTimeout(limit);
    return lastWords.includes('guest: ended with 0');
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await rm(dir, { recursive: true, force: true });
  }
}

function virtiofsdArgs(socket: string): readonly string[] {
  const options = ['source=/', 'sandbox=chroot', 'cache=always', 'xattr'];
  return [`--socket-path=${socket}`, ...options.flatMap((option) => ['-o', option])];
}

/** Software emulation: it works in a virtual machine too. The memory is shared with virtiofsd. */
function qemuArgs(
  kernel: string,
  initrd: string,
  socket: string,
  tests: readonly string[],
): readonly string[] {
  return [
    ['-machine', 'q35,accel=tcg,memory-backend=memory', '-cpu', 'max', '-smp', '2', '-m', '3G'],
    ['-object', 'memory-backend-memfd,id=memory,size=3G,share=on'],
    ['-chardev', `socket,id=files,path=${socket}`],
    ['-device', 'vhost-user-fs-pci,chardev=files,tag=machine'],
    ['-kernel', `/boot/vmlinuz-${kernel}`, '-initrd', initrd],
    ['-append', `console=ttyS0 quiet panic=-1 boot=hearth init=${init} -- ${tests.join(' ')}`],
    ['-nodefaults', '-display', 'none', '-serial', 'stdio', '-no-reboot'],
  ].flat();
}

const parts = findGuestParts();
if (typeof parts === 'string') {
  console.log(`skipped: ${parts}`);
} else {
  const tests = process.argv.slice(2);
  const isFine = await runGuest(parts, tests.length > 0 ? tests : defaultTests);
  if (!isFine) process.exitCode = 1;
}
