import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MasterKeys, newMasterKey } from '../../../src/security/master-key.ts';
import { Sealer } from '../../../src/security/sealer.ts';

let dir: string;
let file: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-master-'));
  file = join(dir, 'master.key');
});
afterEach(() => rm(dir, { recursive: true }));

const open = async () => new Sealer(await MasterKeys.open(file));

test('what is sealed opens again, after a restart too, and looks different each time', async () => {
  const sealer = await open();
  const [one, two] = [sealer.seal('secret:A', 'päss'), sealer.seal('secret:A', 'päss')];
  expect(one).not.toBe(two);
  expect(one).not.toContain(Buffer.from('päss').toString('base64url'));
  expect((await open()).open('secret:A', one)).toBe('päss');
});

test('a seal opens for its purpose only, and not once it was touched', async () => {
  const sealer = await open();
  const sealed = sealer.seal('secret:A', 'text');
  const touched = sealed.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
  const short = sealed.slice(0, 12);
  for (const [purpose, text] of [
    ['secret:B', sealed],
    ['secret:A', touched],
    ['secret:A', short],
    ['secret:A', ''],
  ] as const) {
    expect(() => sealer.open(purpose, text), text).toThrow(/cannot be opened/);
  }
});

test('a key put before the others seals from the next start; the old one still opens', async () => {
  const before = await open();
  const sealed = before.seal('p', 'old');
  const line = newMasterKey();
  await writeFile(file, `${line}\n${await readFile(file, 'utf8')}`, { mode: 0o600 });
  const after = await open();
  expect(after.open('p', sealed)).toBe('old');
  expect(after.isOutdated(sealed)).toBe(true);
  const renewed = after.seal('p', 'new');
  expect(after.isOutdated(renewed)).toBe(false);
  expect(before.open('p', renewed)).toBe('new'); // it looked into the file again
});

test('a missing master key is named', async () => {
  const sealed = (await open()).seal('p', 'text');
  await rm(file);
  expect(() => new Sealer({ ...keyless }).open('p', sealed)).toThrow(sealed.slice(0, 8));
});

test('a file with anything else is refused', async () => {
  await open();
  await appendFile(file, 'something\n');
  await expect(open()).rejects.toMatchObject({ reason: 'security.bad_master_key' });
});

const keyless = {
  current: { id: '00000000', bytes: Buffer.alloc(32) },
  find: () => undefined,
};
