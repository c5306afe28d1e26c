import { describe, expect, test } from 'vitest';
import { runtimeArgs } from '../../../src/containers/oci-runtime.ts';

const options = { id: 'one', bundleDir: '/b', stateDir: '/b/state', cgroupProcsFiles: [] };

describe('the arguments of an OCI runtime', () => {
  test('tell crun to leave cgroups alone', () => {
    expect(runtimeArgs('crun', options).join(' ')).toBe(
      '--cgroup-manager=disabled --root /b/state run --preserve-fds=1 --bundle /b one',
    );
  });

  test('tell runc to keep the counters of what has ended', () => {
    expect(runtimeArgs('runc', options).join(' ')).toBe(
      '--root /b/state run --keep --preserve-fds=1 --bundle /b one',
    );
  });

  test('give gVisor no network but its own', () => {
    expect(runtimeArgs('runsc', options).join(' ')).toBe(
      '--ignore-cgroups --network=none --overlay2=none --root /b/state run --bundle /b one',
    );
  });

  test('are not known for what is no OCI runtime', () => {
    expect(() => runtimeArgs('bash', options)).toThrow(/crun, runc/);
  });
});
