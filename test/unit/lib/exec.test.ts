import { describe, expect, test } from 'vitest';
import { exec } from '../../../src/lib/exec.ts';

describe('exec', () => {
  test('gives what the program printed', async () => {
    const { stdout } = await exec('cat', [], { input: 'through' });
    expect(stdout).toBe('through');
  });

  test('fails with the last words of a program that fails', async () => {
    await expect(exec('sh', ['-c', 'echo "it broke" >&2; exit 3'])).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringMatching(/ended with 3: it broke/),
    });
  });

  test('fails clearly when there is no such program', async () => {
    await expect(exec('no-such-program-here', [])).rejects.toMatchObject({
      reason: 'exec.not_started',
    });
  });

  test('kills a program that is over its time', async () => {
    await expect(exec('sleep', ['60'], { timeoutMs: 50 })).rejects.toThrow(/more than 50 ms/);
  });

  test('kills a program that prints without end', async () => {
    await expect(exec('yes', [], { outputLimitBytes: 10_000 })).rejects.toThrow(/SIGKILL/);
  });

  test('lets nothing of the environment through', async () => {
    process.env['HEARTH_TEST_LEAK'] = 'leaked';
    const { stdout } = await exec('env', []);
    delete process.env['HEARTH_TEST_LEAK'];
    expect(stdout).not.toContain('leaked');
  });
});
