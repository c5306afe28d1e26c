import { readdirSync, readFileSync } from 'node:fs';

/** What a host may have left on the machine, by which two moments can be compared. */
export interface Traces {
  readonly processes: readonly string[];
  readonly mounts: readonly string[];
  readonly cgroups: readonly string[];
}

/** Looks at what belongs to one data folder. A network namespace lives by a process or a mount. */
export function traces(dataDir: string): Traces {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return {
    processes: pids.flatMap((pid) => {
      const command = readOrEmpty(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
      const environment = readOrEmpty(`/proc/${pid}/environ`);
      return command.includes(dataDir) || environment.includes(`HEARTH_DATA=${dataDir}\0`)
        ? [`${pid} ${command}`]
        : [];
    }),
    mounts: readOrEmpty('/proc/self/mounts')
      .split('\n')
      .filter((line) => line.includes('hearth')),
    cgroups: cgroupsNamed('/sys/fs/cgroup', 'hearth'),
  };
}

/** Every cgroup below a folder of this name, in every hierarchy. */
function cgroupsNamed(root: string, name: string): string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: hierarchy }) => (hierarchy === name ? [root] : [`${root}/${hierarchy}`]))
    .flatMap((dir) => below(`${dir}/${name}`));
}

function below(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
      const path = `${dir}/${entry.name}`;
      return entry.isDirectory() ? [path, ...below(path)] : [];
    });
  } catch {
    return [];
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it ended meanwhile
  }
}
