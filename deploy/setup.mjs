// Installs what Hearth needs on this machine and says what it does. Runs before `npm start`,
// `npm test` and `npm run check` on whatever Node (20 or later) is there, so it has no
// dependencies. Does nothing, quietly, when everything is there.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * A Debian package and a program, or the whole path of a file, by which it is known to be there.
 * @typedef {{ readonly program: string, readonly name: string }} SystemPackage
 */

/** What runs the host. @type {readonly SystemPackage[]} */
const hostPackages = [
  { program: 'redis-server', name: 'redis-server' },
  { program: 'nft', name: 'nftables' },
  { program: 'tini-static', name: 'tini' },
  { program: 'ip', name: 'iproute2' },
  { program: 'unshare', name: 'util-linux' },
  { program: 'losetup', name: 'mount' },
  { program: 'mkfs.ext4', name: 'e2fsprogs' },
  // What base images are made of, beside the npm packages.
  { program: '/usr/bin/python3', name: 'python3' },
  { program: '/usr/share/zoneinfo/UTC', name: 'tzdata' },
  { program: '/etc/ssl/certs/ca-certificates.crt', name: 'ca-certificates' },
];

/** What the tests compare with. @type {readonly SystemPackage[]} */
const testPackages = [
  { program: 'runc', name: 'runc' },
  { program: 'runsc', name: 'runsc' },
  { program: 'skopeo', name: 'skopeo' },
  { program: 'umoci', name: 'umoci' },
  {
    program: '/usr/lib/python3/dist-packages/prometheus_client/openmetrics/parser.py',
    name: 'python3-prometheus-client',
  },
  { program: 'docker-registry', name: 'docker-registry' },
  { program: '/usr/lib/python3/dist-packages/pip', name: 'python3-pip' },
];

/** Services of what the tests use: Debian would start them now or at the next boot. */
const unwantedServices = ['docker-registry'];

/** In the order of preference. One is enough. */
const ociRuntimes = ['crun', 'runc'];

/** Something needed is missing and cannot be installed. The message says what to do. */
class SetupError extends Error {}

/**
 * The system packages to install, given what is there.
 * @param {(program: string) => boolean} has
 * @param {{ readonly forTests: boolean }} options
 */
export function missingPackages(has, { forTests }) {
  const wanted = forTests ? [...hostPackages, ...testPackages] : hostPackages;
  const missing = wanted.filter(({ program }) => !has(program)).map(({ name }) => name);
  return ociRuntimes.some(has) ? missing : ['crun', ...missing];
}

/** @param {string} program */
function isOnPath(program) {
  if (program.startsWith('/')) return existsSync(program);
  // Not every root's PATH has the last two, where Debian keeps nft and ip.
  const path = `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`;
  const folders = path.split(delimiter);
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function checkMachine() {
  const [major] = process.versions.node.split('.').map(Number);
  if (Number(major) < 20) throw new SetupError('Hearth needs Node 20 or later to set itself up.');
  if (process.platform !== 'linux') {
    throw new SetupError('Hearth runs on Linux only: it makes containers.');
  }
  const namespaces = '/proc/sys/user/max_user_namespaces';
  if (!existsSync(namespaces) || readFileSync(namespaces, 'utf8').trim() === '0') {
    throw new SetupError(
      'User namespaces are switched off on this machine: run "sysctl -w user.max_user_namespaces=15000".',
    );
  }
}

/**
 * Making containers takes root; checking types and formats does not.
 * @param {number | undefined} uid
 */
export function checkRoot(uid) {
  if (uid === 0) return;
  throw new SetupError('Making containers needs root: run it with sudo, or as root.');
}

/** @param {readonly string[]} names */
function installSystemPackages(names) {
  const byHand = `apt-get install ${names.join(' ')}`;
  if (!isOnPath('apt-get')) {
    throw new SetupError(
      `These are missing: ${names.join(', ')}. Install them with this system's package manager.`,
    );
  }
  if (process.getuid?.() !== 0) {
    throw new SetupError(`These are missing: ${names.join(', ')}. As root, run: ${byHand}`);
  }
  const environment = {
    ...process.env,
    DEBIAN_FRONTEND: 'noninteractive',
    RUNLEVEL: '1', // Debian would start a Redis of its own
  };
  /** @param {string[]} args */
  const apt = (...args) =>
    run('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=120', ...args], environment);
  apt('update');
  const install = ['install', '--yes', '--no-install-recommends'];
  const installed = apt(...install, ...names);
  const withoutCrun = names.filter((name) => name !== 'crun');
  const fallback =
    installed.isFine || !names.includes('crun')
      ? installed
      : apt(...install, 'runc', ...withoutCrun);
  for (const service of unwantedServices.filter((name) => names.includes(name))) {
    run('update-rc.d', [service, 'disable'], environment);
    run('service', [service, 'stop'], environment);
  }
  if (!fallback.isFine) {
    throw new SetupError(
      `apt-get could not install ${names.join(', ')}: ${fallback.lastWords}\nWhen that is mended, run: ${byHand}`,
    );
  }
}

/**
 * Functions can run on other versions of Node, whose packages bring a command `node` as well: that
 * of npm's scripts has to be the host's own.
 * @param {string} binDir
 * @param {NodeJS.Architecture} arch
 */
export function linkNode(binDir, arch) {
  const link = join(binDir, 'node');
  const target = `../node-linux-${arch}/bin/node`;
  if (!existsSync(join(binDir, target))) return; // the machine's Node has to do
  if (existsSync(link) && readlinkSync(link) === target) return;
  rmSync(link, { force: true });
  symlinkSync(target, link);
}

const lockFile = join(root, 'package-lock.json');
const stampFile = join(root, 'node_modules', '.hearth-setup');

/** By which a later run sees that node_modules is that of the lock file. */
function lockStamp() {
  return createHash('sha256').update(readFileSync(lockFile)).digest('hex');
}

function hasNpmPackages() {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8') === lockStamp();
}

function installNpmPackages() {
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { isFine, lastWords } = run('npm', args, { ...process.env, NODE_ENV: 'development' });
  if (!isFine) {
    throw new SetupError(
      `npm could not install the packages of package-lock.json: ${lastWords}\nIs the npm registry reachable?`,
    );
  }
  writeFileSync(stampFile, lockStamp());
}

/**
 * @param {string} program
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
function run(program, args, env) {
  const { status, error, stdout, stderr } = spawnSync(program, args, {
    cwd: root,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
  });
  const output = `${stderr ?? ''}${stdout ?? ''}`.trim().split('\n').slice(-5).join('\n');
  return { isFine: status === 0, lastWords: error?.message ?? output };
}

/**
 * @param {string} name
 * @param {() => void} action
 */
function step(name, action) {
  const started = performance.now();
  action();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`✓ ${name}  ${seconds} s`);
}

/** @param {{ readonly forTests: boolean, readonly needsRoot: boolean }} options */
function setUp({ forTests, needsRoot }) {
  checkMachine();
  if (needsRoot) checkRoot(process.getuid?.());
  const missing = missingPackages(isOnPath, { forTests });
  if (missing.length > 0) {
    step(`system packages: ${missing.join(', ')}`, () => installSystemPackages(missing));
  }
  if (!hasNpmPackages()) step('npm packages', installNpmPackages);
  linkNode(join(root, 'node_modules', '.bin'), process.arch);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const purpose = process.env['npm_lifecycle_event'];
  try {
    setUp({
      forTests: ['pretest', 'pretest:hostile', 'pretest:guest'].includes(purpose ?? ''),
      needsRoot: purpose !== 'precheck',
    });
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`error: ${error.message}`);
    process.exitCode = 1;
  }
}
