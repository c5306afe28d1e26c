import type { ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import type { ContainerStreams } from '../domain/container-engine.ts';
import { HostError } from '../domain/errors.ts';
import type { SandboxId } from '../domain/ids.ts';
import { exec, exitOf, minimalEnv, spawnProcess } from '../lib/exec.ts';

export interface RunOptions {
  readonly id: SandboxId;
  /** Has `config.json`. */
  readonly bundleDir: string;
  /** Where the runtime keeps its state of this one container; gone with the bundle. */
  readonly stateDir: string;
  /** The process enters these cgroups before it becomes the runtime. */
  readonly cgroupProcsFiles: readonly string[];
}

/** How the runtime ended, which ends as its container does. */
export type RuntimeExit = { readonly exitCode: number } | { readonly signal: string };

export interface RunningRuntime {
  readonly streams: ContainerStreams;
  /** Rejects when the runtime could not be started at all. */
  readonly exited: Promise<RuntimeExit>;
}

/**
 * The program that makes containers. It is only ever told to run one in the foreground, so that it
 * lives as long as its container and its exit status tells how that ended: everything else is done
 * on the cgroup, which is ours.
 */
export interface OciRuntime extends RuntimeTraits {
  readonly name: string;
  readonly version: string;
  run(options: RunOptions): RunningRuntime;
}

/** In what OCI runtimes differ. */
interface RuntimeTraits {
  /** Does the spec have to name the cgroup? crun leaves it alone, runc cannot. */
  readonly needsCgroupsPath: boolean;
  /** Where a container finds its end of the channel. */
  readonly channelDescriptor: ChannelDescriptor;
  /**
   * Can it make the root read-only once more? gVisor would have to keep flags of its mount that it
   * does not know of. Roots are read-only mounts, so that nothing depends on it.
   */
  readonly remountsRoot: boolean;
  /** See `Container.hasOwnKernel`. */
  readonly hasOwnKernel: boolean;
}

/** 3, or standard input for a runtime that hands on nothing more than the standard streams. */
export type ChannelDescriptor = 3 | 0;

/**
 * Enters the cgroups, then becomes the OCI runtime: so the container is born in them and the
 * runtime need not make any, which saves a third of its time. Node cannot set a child's cgroup.
 * INVARIANT: without its cgroups nothing starts, also when they vanish at just that moment.
 */
const enterCgroups =
  'n=$1; shift; while [ $n -gt 0 ]; do echo $$ > "$1" || exit 126; shift; n=$((n-1)); done; exec "$@"';

/** The channel comes in as descriptor 3. */
const scripts: Readonly<Record<ChannelDescriptor, string>> = {
  3: enterCgroups,
  0: `${enterCgroups} <&3 3<&-`,
};

/** How one kind of OCI runtime wants to be called. */
interface Dialect {
  readonly traits: RuntimeTraits;
  readonly globalArgs: readonly string[];
  readonly runArgs: readonly string[];
}

const ofThisKernel = { channelDescriptor: 3, remountsRoot: true, hasOwnKernel: false } as const;

const dialects: Readonly<Record<string, Dialect>> = {
  crun: {
    globalArgs: ['--cgroup-manager=disabled'],
    runArgs: ['--preserve-fds=1'],
    traits: { ...ofThisKernel, needsCgroupsPath: false },
  },
  runc: {
    globalArgs: [],
    // Keeps the state on exit, or it would remove the cgroup before its counters are read.
    runArgs: ['--keep', '--preserve-fds=1'],
    traits: { ...ofThisKernel, needsCgroupsPath: true },
  },
  runsc: {
    // Only loopback, which is gVisor's own: its way to a network of the host's needs more rights
    // there. No overlay, so that nothing is written beside the root. The profile's system calls are
    // left to gVisor: its filter would answer EPERM where a C library has to read ENOSYS (clone3).
    globalArgs: ['--ignore-cgroups', '--network=none', '--overlay2=none'],
    runArgs: [],
    traits: {
      needsCgroupsPath: false,
      channelDescriptor: 0,
      remountsRoot: false,
      hasOwnKernel: true,
    },
  },
};

export function runtimeArgs(kind: string, options: RunOptions): readonly string[] {
  const { globalArgs, runArgs } = dialectOf(kind);
  const { stateDir, bundleDir, id } = options;
  return [...globalArgs, '--root', stateDir, 'run', ...runArgs, '--bundle', bundleDir, id];
}

/** Finds the runtime to use; `auto` prefers crun, which starts three times as fast. */
export async function findOciRuntime(preference: 'auto' | 'crun' | 'runc'): Promise<OciRuntime> {
  const candidates = preference === 'auto' ? (['crun', 'runc'] as const) : [preference];
  const causes: unknown[] = [];
  for (const program of candidates) {
    try {
      return await openOciRuntime(program);
    } catch (cause) {
      causes.push(cause);
    }
  }
  throw new HostError(
    'unavailable',
    'containers.no_oci_runtime',
    `No OCI runtime (${candidates.join(' or ')}) works here: install one, such as with "apt-get install crun".`,
    { cause: new AggregateError(causes) },
  );
}

/** Further runtimes, by their names. @throws HostError `unavailable` that names the broken one. */
export async function openRuntimeClasses(
  programs: Readonly<Record<string, string>>,
): Promise<ReadonlyMap<string, OciRuntime>> {
  const opened = Object.entries(programs).map(async ([name, program]) => {
    try {
      return [name, await openOciRuntime(program)] as const;
    } catch (cause) {
      const why = (cause as Error).message;
      const message = `The runtime class "${name}" cannot be used: ${why}`;
      throw new HostError('unavailable', 'containers.broken_runtime_class', message, { cause });
    }
  });
  return new Map(await Promise.all(opened));
}

/** The runtime that a program is, by its own word. @throws HostError when it does not work. */
export async function openOciRuntime(program: string): Promise<OciRuntime> {
  const { stdout } = await exec(program, ['--version'], { timeoutMs: 5000 });
  const [, name = 'unknown', version = 'unknown'] = /^(\S+) version (\S+)/.exec(stdout) ?? [];
  const { traits } = dialectOf(name);
  const script = scripts[traits.channelDescriptor];
  const run = (options: RunOptions) =>
    spawnRuntime(script, [program, ...runtimeArgs(name, options)], options);
  return { name, version, ...traits, run };
}

function dialectOf(kind: string): Dialect {
  const dialect = dialects[kind];
  if (dialect) return dialect;
  throw new HostError(
    'invalid',
    'containers.unknown_oci_runtime',
    `Hearth knows the OCI runtimes ${Object.keys(dialects).join(', ')}, not "${kind}".`,
  );
}

function spawnRuntime(
  script: string,
  command: readonly string[],
  options: RunOptions,
): RunningRuntime {
  const files = options.cgroupProcsFiles;
  const child = spawnProcess(
    '/bin/sh',
    ['-c', script, 'enter-cgroups', String(files.length), ...files, ...command],
    {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      // Where it mounts its own binary, read-only, while it starts (CVE-2019-5736); else in /tmp,
      // where one that is killed at that moment would leave it for good.
      env: { ...minimalEnv, _LIBCONTAINER_STATEDIR: options.bundleDir },
    },
  );
  const exited = exitOf(child).then((status) =>
    typeof status === 'number' ? exitFromCode(status) : { signal: status },
  );
  return { streams: streamsOf(child), exited };
}

/** Runtimes and shells report a death by signal n as 128 + n. */
function exitFromCode(code: number): RuntimeExit {
  const signal = code > 128 ? signalNames.get(code - 128) : undefined;
  return signal === undefined ? { exitCode: code } : { signal };
}

const signalNames: ReadonlyMap<number, string> = new Map([
  [4, 'SIGILL'],
  [6, 'SIGABRT'],
  [7, 'SIGBUS'],
  [8, 'SIGFPE'],
  [9, 'SIGKILL'],
  [11, 'SIGSEGV'],
  [15, 'SIGTERM'],
  [31, 'SIGSYS'],
]);

function streamsOf(child: ChildProcess): ContainerStreams {
  const { stdout, stderr } = child;
  const channel = child.stdio[3];
  if (!stdout || !stderr || !channel || !('write' in channel)) {
    throw new TypeError('the container was spawned without its three pipes');
  }
  return { channel: channel as Duplex, stdout, stderr };
}
