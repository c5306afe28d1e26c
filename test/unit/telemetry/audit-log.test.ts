import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AuditLog } from '../../../src/telemetry/audit-log.ts';

let parent: string;
let dir: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'hearth-audit-'));
  dir = join(parent, 'audit');
});
afterEach(() => rm(parent, { recursive: true }));

const errors: string[] = [];
const logger = {
  debug() {},
  info() {},
  warn() {},
  error: (_: object, m: string) => errors.push(m),
};
const entry = (path: string) => ({
  requestId: 'r',
  keyId: 'ci',
  sourceIp: '127.0.0.1',
  method: 'GET',
  path,
  status: 200,
});

async function write(...paths: string[]): Promise<void> {
  const log = new AuditLog({ dir, logger });
  await log.start();
  for (const path of paths) log.listen({ type: 'audit.request', timeMs: 0, data: entry(path) });
  await log.stop();
}

test('every request is a line, those of an earlier run before it', async () => {
  await write('/one', '/two');
  await write('/three');
  const lines = (await readFile(join(dir, '0.ndjson'), 'utf8')).trim().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { path: string }).path)).toEqual([
    '/one',
    '/two',
    '/three',
  ]);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    ...entry('/one'),
    time: '1970-01-01T00:00:00.000Z',
  });
});

test('only its owner gets in', async () => {
  await write();
  expect((await stat(dir)).mode & 0o777).toBe(0o700);
});

test('what cannot be written is an error in the log', async () => {
  await writeFile(dir, 'no folder');
  const log = new AuditLog({ dir, logger });
  log.listen({ type: 'audit.request', timeMs: 0, data: entry('/lost') });
  await log.stop();
  expect(errors).toEqual(['The audit log could not be written.']);
});
