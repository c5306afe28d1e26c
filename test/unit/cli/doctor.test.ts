import { describe, expect, test } from 'vitest';
import { isAtLeast, runChecks } from '../../../src/cli/doctor/check.ts';
import {
  checkCgroups,
  checkForwarding,
  checkKernel,
  checkRights,
  judgeOciRuntime,
} from '../../../src/cli/doctor/machine-checks.ts';

const cgroup = (type: string, options: string) =>
  `${type} /sys/fs/cgroup/x ${type} rw,${options} 0 0\n`;
const v1 = ['memory', 'pids', 'cpu,cpuacct', 'freezer'].map((o) => cgroup('cgroup', o)).join('');

describe('the doctor', () => {
  test.each([
    ['6.18.44-cloud', '5.11', true],
    ['5.11', '5.11', true],
    ['5.9.99', '5.11', false],
    ['1.30', '1.30.1', false],
    ['2', '1.30.1', true],
  ])('compares %s with %s', (version, minimum, isEnough) => {
    expect(isAtLeast(version, minimum)).toBe(isEnough);
  });

  test('wants Linux, a recent one, and root', () => {
    expect(checkKernel('linux', '6.1.0').status).toBe('ok');
    expect(checkKernel('linux', '4.19.0').status).toBe('fail');
    expect(checkKernel('darwin', '23.0.0').remedy).toContain('Linux');
    expect(checkRights(0).status).toBe('ok');
    expect(checkRights(1000).remedy).toContain('root');
  });

  test('says how to let functions reach the network, and that it is not needed for others', () => {
    expect(checkForwarding('1\n').status).toBe('ok');
    expect(checkForwarding('0\n')).toMatchObject({
      status: 'warn',
      remedy: expect.stringContaining('net.ipv4.ip_forward=1'),
    });
  });

  test('knows the kinds of cgroups and names the controllers that are missing', () => {
    expect(checkCgroups(cgroup('cgroup2', 'relatime'))).toEqual({
      status: 'ok',
      found: 'version 2',
    });
    expect(checkCgroups(v1).found).toBe('version 1');
    expect(checkCgroups(v1 + cgroup('cgroup2', 'x')).found).toBe('version 1, hybrid');
    expect(checkCgroups(v1.replace('pids', 'rdma'))).toMatchObject({
      status: 'fail',
      found: 'version 1 without pids',
    });
    expect(checkCgroups('')).toMatchObject({ status: 'fail', found: 'none mounted' });
  });

  test('warns of an OCI runtime with known holes', () => {
    expect(judgeOciRuntime('crun', '1.30').status).toBe('ok');
    expect(judgeOciRuntime('runc', '1.1.5')).toMatchObject({ status: 'warn', found: 'runc 1.1.5' });
  });

  test('makes a check that cannot be made a failed one', async () => {
    const broken = { name: 'broken', run: () => Promise.reject(new Error('no such file')) };
    expect(await runChecks([broken])).toEqual([
      { name: 'broken', status: 'fail', found: 'cannot be checked: no such file' },
    ]);
  });
});
