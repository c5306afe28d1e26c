import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'hearth-units-'));
afterAll(() => rmSync(dir, { recursive: true }));

const analyze = (...args: readonly string[]) =>
  spawnSync('systemd-analyze', args, { encoding: 'utf8' });
const isThere = analyze('--version').error === undefined; // it comes with systemd

/** As installed where this clone lies. */
function installed(name: string): string {
  const path = join(dir, name);
  const text = readFileSync(join(root, 'deploy/systemd', name), 'utf8');
  writeFileSync(path, text.replaceAll('/opt/hearth/', root));
  return path;
}

describe.skipIf(!isThere)('the unit of systemd', () => {
  // What a worker needs to make containers is most of what systemd counts as exposure.
  test.each([
    ['hearth-gateway.service', 30],
    ['hearth-worker.service', 75],
  ])('%s is valid, and leaves no more open than %i of 100', (name, threshold) => {
    const path = installed(name);
    const { status, stderr } = analyze('verify', path);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(analyze('security', '--offline=true', `--threshold=${threshold}`, path).status).toBe(0);
  });
});
