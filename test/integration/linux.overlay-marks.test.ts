import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const dir = mkdtempSync(join(tmpdir(), 'hearth-marks-'));
chmodSync(dir, 0o777);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

// As a gateway that is not root unpacks layers; the clone must be one that every user can read.
test('whoever is not root marks what a layer hides for itself', () => {
  const module = pathToFileURL(join(import.meta.dirname, '../../src/linux/index.ts')).href;
  const program = `
    import { lstatSync, mkdirSync } from 'node:fs';
    import { isOpaque, makeOpaque, makeWhiteout } from '${module}';
    mkdirSync('layer/marked', { recursive: true });
    mkdirSync('layer/plain');
    makeOpaque('layer/marked');
    makeWhiteout('layer/gone');
    const isWhiteout = lstatSync('layer/gone').isCharacterDevice();
    console.log(process.getuid(), isOpaque('layer/marked'), isOpaque('layer/plain'), isWhiteout);`;
  const node = [process.execPath, '--input-type=module', '--eval', program];
  const ids = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const { stdout, stderr } = spawnSync('setpriv', [...ids, ...node], {
    cwd: dir,
    encoding: 'utf8',
  });
  expect(stdout, stderr).toBe('65534 true false true\n');
});
