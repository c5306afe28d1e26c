import { posix } from 'node:path';
import type { ContainerMount } from '../domain/container.ts';
import type { ContainerOrder } from '../domain/container-engine.ts';
import { HostError } from '../domain/errors.ts';

export type OciSpecOptions = Omit<ContainerOrder, 'id' | 'limits' | 'runtimeClass'> & {
  /** For a runtime that insists on a cgroup of its own: the one that it shall find made. */
  readonly cgroupsPath?: string;
  /** False: the runtime shall leave the root as it is mounted. */
  readonly remountsRoot?: boolean;
};

const ownNamespaces = ['pid', 'ipc', 'uts', 'mount', 'cgroup', 'user'] as const;
const noCapabilities = {
  bounding: [],
  effective: [],
  inheritable: [],
  permitted: [],
  ambient: [],
};

/**
 * The `config.json` of one sandbox (OCI runtime specification 1.0.2). No terminal, no hooks, no
 * devices, a root that cannot be written, the same host name for all.
 */
export function ociSpec(options: OciSpecOptions) {
  requireOwnPaths(options);
  const { profile, ids } = options;
  const mapping = [{ containerID: 0, hostID: ids.firstId, size: ids.count }];
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: profile.uid, gid: profile.gid },
      args: options.args,
      env: options.env,
      cwd: options.workingDir,
      capabilities: noCapabilities,
      noNewPrivileges: true,
      rlimits: profile.rlimits,
    },
    root: { path: options.rootDir, readonly: options.remountsRoot ?? true },
    hostname: 'sandbox',
    mounts: [...options.mounts, ...taskMounts(options.taskDir)],
    linux: {
      namespaces: [
        ...ownNamespaces.map((type) => ({ type })),
        { type: 'network', path: options.networkNamespacePath },
      ],
      uidMappings: mapping,
      gidMappings: mapping,
      ...(options.taskDir === undefined ? {} : { rootfsPropagation: 'rslave' }),
      ...(options.cgroupsPath === undefined ? {} : { cgroupsPath: options.cgroupsPath }),
      maskedPaths: profile.maskedPaths,
      readonlyPaths: profile.readonlyPaths,
      seccomp: profile.seccomp,
    },
  };
}

/**
 * Not into the kernel's folders: through a working folder like /proc/self/fd/7, or a program like
 * /proc/self/exe, a container would begin in what the OCI runtime has open, or as the runtime itself
 * (CVE-2024-21626, CVE-2019-5736).
 * @throws HostError `invalid`.
 */
function requireOwnPaths({
  workingDir,
  args: [program = ''],
}: Pick<OciSpecOptions, 'workingDir' | 'args'>): void {
  const paths = [workingDir, posix.resolve(workingDir, program)];
  if (posix.isAbsolute(workingDir) && !paths.some(isKernels)) return;
  throw new HostError(
    'invalid',
    'containers.unsafe_path',
    `The image begins in "${workingDir.slice(0, 200)}" with "${program.slice(0, 200)}": both must be its own, outside /proc, /sys and /dev.`,
  );
}

const isKernels = (path: string): boolean => /^\/+(proc|sys|dev)(\/|$)/.test(posix.normalize(path));

/** A slave: mounts come in from the host, none goes out. */
function taskMounts(taskDir: string | undefined): readonly ContainerMount[] {
  if (taskDir === undefined) return [];
  const options = ['rbind', 'rslave', 'ro', 'nosuid', 'nodev'];
  return [{ destination: '/var/task', type: 'bind', source: taskDir, options }];
}
