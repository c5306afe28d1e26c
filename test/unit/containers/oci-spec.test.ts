import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ociSpec, type OciSpecOptions } from '../../../src/containers/oci-spec.ts';
import { strictProfile } from '../../../src/security/strict-profile.ts';
import { mountPlan } from '../../../src/volumes/mount-plan.ts';

const options: OciSpecOptions = {
  rootDir: '/run/roots/1',
  args: ['/usr/bin/hearth-init', '--', '/usr/bin/node'],
  env: ['PATH=/usr/bin'],
  workingDir: '/var/task',
  mounts: mountPlan(64 * 1024 * 1024),
  profile: strictProfile('x64'),
  ids: { firstId: 1_879_048_192, count: 65_536 },
  networkNamespacePath: '/run/namespaces/1',
};

/** Whatever a deploy can have a say in. */
const anyOptions = fc
  .record({
    args: fc.array(fc.string(), { maxLength: 4 }).map((rest) => ['/bin/program', ...rest]),
    env: fc.array(fc.string()),
    workingDir: fc.constantFrom('/', '/var/task', '/srv/app', '/process'),
    mounts: fc.integer({ min: 1, max: 2 ** 40 }).map(mountPlan),
    taskDir: fc.constantFrom('/run/tasks/1', '/run/tasks/2'),
  })
  .map((some) => ({ ...options, ...some }));

describe('the specification of a container', () => {
  test('is never weaker than what Kubernetes calls restricted, whatever a function asks for', () => {
    fc.assert(
      fc.property(anyOptions, (given) => {
        const { process, root, mounts, linux } = ociSpec(given);
        expect(process.noNewPrivileges).toBe(true);
        expect(process.terminal).toBe(false);
        expect(process.user.uid).not.toBe(0);
        expect(Object.values(process.capabilities).flat()).toEqual([]);
        expect(root.readonly).toBe(true);
        expect(linux.namespaces.map(({ type }) => type).toSorted()).toEqual([
          'cgroup',
          'ipc',
          'mount',
          'network',
          'pid',
          'user',
          'uts',
        ]);
        expect(linux.uidMappings[0]?.hostID).toBeGreaterThan(100_000);
        expect(linux.seccomp.defaultAction).toBe('SCMP_ACT_ERRNO');
        expect(linux.maskedPaths).toContain('/proc/kcore');
        expect(linux.readonlyPaths).toContain('/proc/sys');
        for (const mount of mounts) expect(mount.options, mount.destination).toContain('nosuid');
        expect(mounts.filter(({ type }) => type === 'bind').map(({ options }) => options)).toEqual([
          expect.arrayContaining(['ro', 'nodev', 'rslave']),
        ]);
      }),
    );
  });

  const refusal = expect.objectContaining({ reason: 'containers.unsafe_path' }) as Error;
  const kernels = [
    '/proc/self/fd/7',
    '/proc',
    '/srv/../proc/self',
    '//proc/1',
    '/dev/fd/3',
    '/sys',
  ];

  test.each([...kernels, 'var/task', ''])('does not begin in the folder "%s"', (workingDir) => {
    expect(() => ociSpec({ ...options, workingDir })).toThrow(refusal);
  });

  test.each([...kernels, '../../proc/self/exe'])('does not begin as "%s"', (program) => {
    expect(() => ociSpec({ ...options, args: [program] })).toThrow(refusal);
  });

  test.each(['node', './server', 'bin/server', '/usr/bin/node'])('may begin as "%s"', (program) => {
    expect(ociSpec({ ...options, args: [program] }).process.args).toEqual([program]);
  });
});
