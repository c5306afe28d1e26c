import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runBuild } from '../../../src/cli/build-step.ts';

const { PATH } = process.env;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-build-'));
});
afterEach(() => rm(dir, { recursive: true }));

describe('the build of a function', () => {
  test("runs in its folder, with the caller's environment and no other", async () => {
    await runBuild('echo "$TAG $HEARTH_KEY" > made', dir, { PATH, TAG: 'v1' });
    expect(await readFile(join(dir, 'made'), 'utf8')).toBe('v1 \n');
  });

  test('that fails says why in its own words', async () => {
    const build = runBuild('echo "no Dockerfile here" >&2; exit 3', dir, { PATH });
    await expect(build).rejects.toMatchObject({
      code: 'invalid',
      reason: 'cli.build_failed',
      message: expect.stringMatching(/ended with 3: no Dockerfile here/) as string,
    });
  });
});
