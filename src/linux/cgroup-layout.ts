import type { MountInfo } from './mounts.ts';

/** What Hearth uses of cgroup v1, where each controller may have a hierarchy of its own. */
export const usedControllers = ['memory', 'pids', 'cpu', 'cpuacct', 'freezer'] as const;
export type Controller = (typeof usedControllers)[number];

/** How this machine arranges its cgroups. */
export type CgroupLayout =
  | { readonly version: 2; readonly mountPoint: string }
  | {
      readonly version: 1;
      readonly controllers: Readonly<Record<Controller, string>>;
      /** Every v1 hierarchy, also those that are not used here. */
      readonly hierarchies: readonly string[];
      /** On a hybrid host: where the v2 hierarchy without controllers is mounted. */
      readonly unified: string | undefined;
    };

/**
 * Reads the layout off the mounts. Undefined when the machine has not what Hearth needs.
 * A v2 hierarchy beside v1 ones has no use: the controllers are taken.
 */
export function cgroupLayout(mounts: readonly MountInfo[]): CgroupLayout | undefined {
  const unified = mounts.find(({ type }) => type === 'cgroup2')?.mountPoint;
  const v1 = mounts.filter(({ type }) => type === 'cgroup');
  if (v1.length === 0) {
    return unified === undefined ? undefined : { version: 2, mountPoint: unified };
  }
  const found = usedControllers.map((controller) => {
    const hierarchy = v1.find(({ superOptions }) => superOptions.includes(controller));
    return [controller, hierarchy?.mountPoint] as const;
  });
  if (found.some(([, mountPoint]) => mountPoint === undefined)) return undefined;
  return {
    version: 1,
    controllers: Object.fromEntries(found) as Record<Controller, string>,
    hierarchies: v1.map(({ mountPoint }) => mountPoint),
    unified,
  };
}
