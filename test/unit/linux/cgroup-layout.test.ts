import { describe, expect, test } from 'vitest';
import { cgroupLayout } from '../../../src/linux/cgroup-layout.ts';
import { parseMountInfo } from '../../../src/linux/mounts.ts';

const line = (mountPoint: string, type: string, superOptions: string) =>
  `30 24 0:25 / ${mountPoint} rw,relatime shared:9 - ${type} ${type} ${superOptions}\n`;
const root = '/sys/fs/cgroup';
const v1 = ['memory', 'pids', 'cpu,cpuacct', 'freezer', 'devices']
  .map((controllers) => line(`${root}/${controllers}`, 'cgroup', `rw,${controllers}`))
  .join('');

describe('the cgroup layout', () => {
  test('is version 2 where that is all there is', () => {
    const mounts = parseMountInfo(line(root, 'cgroup2', 'rw,nsdelegate'));
    expect(cgroupLayout(mounts)).toEqual({ version: 2, mountPoint: root });
  });

  test('is version 1 with a folder for each controller, also where two share one', () => {
    expect(cgroupLayout(parseMountInfo(v1))).toMatchObject({
      version: 1,
      controllers: {
        memory: `${root}/memory`,
        cpu: `${root}/cpu,cpuacct`,
        cpuacct: `${root}/cpu,cpuacct`,
      },
      unified: undefined,
    });
  });

  test('knows the empty version 2 hierarchy of a hybrid host', () => {
    const mounts = parseMountInfo(v1 + line(`${root}/unified`, 'cgroup2', 'rw'));
    expect(cgroupLayout(mounts)).toMatchObject({ version: 1, unified: `${root}/unified` });
  });

  test('is none where a controller is missing', () => {
    expect(cgroupLayout(parseMountInfo(v1.replaceAll('pids', 'rdma')))).toBeUndefined();
    expect(cgroupLayout([])).toBeUndefined();
  });
});

test('mount points with spaces are read as they are', () => {
  const [mount] = parseMountInfo(line(String.raw`/a\040folder`, 'ext4', 'rw'));
  expect(mount?.mountPoint).toBe('/a folder');
});
