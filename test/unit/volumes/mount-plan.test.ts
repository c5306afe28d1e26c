import { describe, expect, test } from 'vitest';
import { mountPathProblems } from '../../../src/domain/mount-paths.ts';
import { nodesWithVolumes } from '../../../src/orchestration/constraints-policy.ts';
import { mountPlan, volumeMounts } from '../../../src/volumes/mount-plan.ts';

describe('a mount path', () => {
  test.each([
    '/data',
    '/mnt/a',
    '/srv/deep/er',
    '/home/function',
    '/var/lib/x',
    '/opt/app',
    '/d.1_@+-',
  ])('%s is taken', (path) => expect(mountPathProblems([path])).toEqual([]));

  test.each([
    ['data', 'absolute'],
    ['', 'absolute'],
    ['/', 'must be like'],
    ['/data/', 'must be like'],
    ['//data', 'must be like'],
    ['/data//a', 'must be like'],
    ['/data/../etc', 'must be like'],
    ['/data/./a', 'must be like'],
    ['/..', 'must be like'],
    ['/da ta', 'must be like'],
    ['/data\n', 'must be like'],
    [`/${'x'.repeat(300)}`, 'longer'],
    ['/tmp', '/tmp'],
    ['/tmp/a', '/tmp'],
    ['/proc/self', '/proc'],
    ['/dev', '/dev'],
    ['/etc/ssl', '/etc'],
    ['/usr/local', '/usr'],
    ['/lib64', '/lib64'],
    ['/var', '/var/task'],
    ['/var/task/a', '/var/task'],
    ['/opt', '/opt/hearth'],
  ])('%j is refused', (path, words) => {
    expect(mountPathProblems([path]).join()).toContain(words);
  });

  test('must not be there twice, in another or around it', () => {
    expect(mountPathProblems(['/a', '/a'])).toEqual(['"/a" is there twice']);
    expect(mountPathProblems(['/a', '/a/b'])).toEqual(['"/a/b" and "/a" overlap']);
    expect(mountPathProblems(['/a/b', '/a'])).toEqual(['"/a" and "/a/b" overlap']);
    expect(mountPathProblems(['/a', '/ab'])).toEqual([]);
  });
});

describe('the mounts of volumes', () => {
  const view = { source: '/host/x', readOnly: false, noexec: false };

  test('are in order, and give no rights', () => {
    const mounts = volumeMounts([
      { ...view, mount: '/srv/b', readOnly: true },
      { ...view, mount: '/data', noexec: true },
    ]);
    expect(mounts.map(({ destination }) => destination)).toEqual(['/data', '/srv/b']);
    expect(mounts[0]?.options).toEqual(['bind', 'private', 'rw', 'nosuid', 'nodev', 'noexec']);
    expect(mounts[1]?.options).toEqual(['bind', 'private', 'ro', 'nosuid', 'nodev']);
  });

  test('never hide what the sandbox has mounted already', () => {
    for (const { destination } of mountPlan(1)) {
      expect(() => volumeMounts([{ ...view, mount: destination }])).toThrow(destination);
    }
  });
});

describe('a function with volumes', () => {
  const node = (id: string) => ({ id, hostname: id, memoryBytes: 1, startedAt: '' });
  const nodes = [node('a'), node('b')];
  const mount = (name: string) => ({
    name,
    mount: `/${name}`,
    readOnly: false,
    access: 'shared' as const,
  });
  const find = (name: string) =>
    ({ here: { node: 'b' }, there: { node: 'a' }, any: { node: undefined } })[name];
  const ids = (...names: string[]) =>
    nodesWithVolumes(names.map(mount), find, nodes).map(({ id }) => id);

  test('runs where they all are', () => {
    expect(ids()).toEqual(['a', 'b']);
    expect(ids('here')).toEqual(['b']);
    expect(ids('any')).toEqual(['a', 'b']);
    expect(ids('here', 'any')).toEqual(['b']);
    expect(ids('here', 'there')).toEqual([]);
    expect(ids('unknown')).toEqual(['a', 'b']);
  });
});
