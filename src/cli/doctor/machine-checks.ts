import { readFile, stat, statfs } from 'node:fs/promises';
import { release } from 'node:os';
import { dirname } from 'node:path';
import { exec } from '../../lib/exec.ts';
import { formatBytes } from '../../lib/units.ts';
import { isAtLeast, type Check, type CheckResult } from './check.ts';

const minimumKernel = '5.11'; // overlayfs and user namespaces as sandboxes use them
const minimumRedis = '6.2'; // the least that BullMQ and ioredis take
const minimumFreeBytes = 2 * 1024 ** 3;

/** Below these, known holes are open in the runtime itself; Hearth's own walls stand before them. */
const soundRuntimes = { crun: '1.30', runc: '1.4.4' } as const;

/** All that the host needs of its machine. */
export function machineChecks(dataDir: string): readonly Check[] {
  return [
    { name: 'kernel', run: async () => checkKernel(process.platform, release()) },
    { name: 'rights', run: async () => checkRights(process.getuid?.()) },
    { name: 'cgroups', run: async () => checkCgroups(await readFile('/proc/mounts', 'utf8')) },
    { name: 'user namespaces', run: checkUserNamespaces },
    { name: 'overlayfs', run: checkOverlay },
    { name: 'OCI runtime', run: checkOciRuntime },
    { name: 'init', run: checkInit },
    { name: 'nftables', run: checkNftables },
    {
      name: 'forwarding',
      run: async () => checkForwarding(await readFile('/proc/sys/net/ipv4/ip_forward', 'utf8')),
    },
    { name: 'Redis', run: checkRedis },
    { name: 'disk', run: () => checkDisk(dataDir) },
  ];
}

export function checkKernel(platform: string, version: string): CheckResult {
  const isFine = platform === 'linux' && isAtLeast(version, minimumKernel);
  return verdict(isFine, `${platform} ${version}`, `run it on Linux ${minimumKernel} or later`);
}

export function checkRights(uid: number | undefined): CheckResult {
  return verdict(uid === 0, uid === 0 ? 'root' : `user ${uid}`, 'run it as root');
}

/** From /proc/mounts: all of version 2, or the controllers that Hearth uses of version 1. */
export function checkCgroups(mounts: string): CheckResult {
  const lines = mounts.split('\n').map((line) => line.split(' '));
  const v1 = lines.filter(([, , type]) => type === 'cgroup');
  const hasV2 = lines.some(([, , type]) => type === 'cgroup2');
  const remedy = 'boot with cgroup version 2 (systemd.unified_cgroup_hierarchy=1)';
  if (v1.length === 0) return verdict(hasV2, hasV2 ? 'version 2' : 'none mounted', remedy);
  const missing = ['memory', 'pids', 'cpu', 'cpuacct', 'freezer'].filter(
    (controller) => !v1.some(([, , , options]) => options?.split(',').includes(controller)),
  );
  const version = hasV2 ? 'version 1, hybrid' : 'version 1';
  return missing.length === 0
    ? { status: 'ok', found: version }
    : { status: 'fail', found: `${version} without ${missing.join(', ')}`, remedy };
}

async function checkUserNamespaces(): Promise<CheckResult> {
  const remedy = 'sysctl -w user.max_user_namespaces=15000';
  const most = (await readFile('/proc/sys/user/max_user_namespaces', 'utf8')).trim();
  if (most === '0') return { status: 'fail', found: 'switched off', remedy };
  await exec('unshare', ['--user', '--', 'true']);
  return { status: 'ok', found: `up to ${most}` };
}

async function checkOverlay(): Promise<CheckResult> {
  const has = /\boverlay$/m.test(await readFile('/proc/filesystems', 'utf8'));
  return verdict(has, has ? 'available' : 'not in the kernel', 'modprobe overlay');
}

async function checkOciRuntime(): Promise<CheckResult> {
  for (const name of ['crun', 'runc'] as const) {
    const version = await versionOf(name, /version (\S+)/);
    if (version !== undefined) return judgeOciRuntime(name, version);
  }
  return { status: 'fail', found: 'neither crun nor runc', remedy: 'apt-get install crun' };
}

export function judgeOciRuntime(name: keyof typeof soundRuntimes, version: string): CheckResult {
  const sound = soundRuntimes[name];
  const found = `${name} ${version}`;
  if (isAtLeast(version, sound)) return { status: 'ok', found };
  const remedy = `${name} ${sound} fixes known holes; user namespaces and image checks stand before them`;
  return { status: 'warn', found, remedy };
}

async function checkInit(): Promise<CheckResult> {
  const path = '/usr/bin/tini-static';
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  return verdict(isThere, isThere ? path : 'not installed', 'apt-get install tini');
}

async function checkNftables(): Promise<CheckResult> {
  const version = await versionOf('nft', /v(\S+)/);
  if (version === undefined) {
    return { status: 'fail', found: 'not installed', remedy: 'apt-get install nftables' };
  }
  await exec('nft', ['list', 'tables']);
  return { status: 'ok', found: version };
}

/** Only functions that connect to the network need it. */
export function checkForwarding(text: string): CheckResult {
  if (text.trim() === '1') return { status: 'ok', found: 'on' };
  const remedy =
    'for functions with network.egress: sysctl -w net.ipv4.ip_forward=1 (nothing to do where HEARTH_NETWORK_NAMESPACE is set)';
  return { status: 'warn', found: 'off', remedy };
}

async function checkRedis(): Promise<CheckResult> {
  const version = await versionOf('redis-server', /v=(\S+)/);
  const remedy = 'apt-get install redis-server';
  if (version === undefined) return { status: 'fail', found: 'not installed', remedy };
  return verdict(isAtLeast(version, minimumRedis), version, `install ${minimumRedis} or later`);
}

/** Where the data folder is or will be. */
async function checkDisk(dataDir: string): Promise<CheckResult> {
  let dir = dataDir;
  while (!(await stat(dir).catch(() => undefined))) dir = dirname(dir);
  const { bavail, bsize } = await statfs(dir);
  const free = bavail * bsize;
  const found = `${formatBytes(free)} free for ${dataDir}`;
  return verdict(free >= minimumFreeBytes, found, 'free some space, or set HEARTH_DATA');
}

async function versionOf(program: string, pattern: RegExp): Promise<string | undefined> {
  try {
    const { stdout } = await exec(program, ['--version'], { timeoutMs: 5000 });
    return pattern.exec(stdout)?.[1] ?? 'unknown version';
  } catch {
    return undefined; // not there, or not working
  }
}

function verdict(isFine: boolean, found: string, remedy: string): CheckResult {
  return isFine ? { status: 'ok', found } : { status: 'fail', found, remedy };
}
