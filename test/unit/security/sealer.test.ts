import { appendFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MasterKeys } from '../../../src/security/master-key.ts';
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
  const touched = sealed.replace(/\.(.)/, (_, first) => (first === 'A' ? '.B' : '.A'));
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

test('a new master key seals from now on, here and after a restart; the old one still opens', async () => {
  const masterKeys = await MasterKeys.open(file);
  const [here, elsewhere] = [new Sealer(masterKeys), await open()];
  const old = here.seal('p', 'old');
  await masterKeys.rotate();
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const renewed = here.seal('p', 'new');
  expect(renewed.slice(0, 8)).not.toBe(old.slice(0, 8));
  expect((await open()).seal('p', '').slice(0, 8)).toBe(renewed.slice(0, 8));
  for (const sealer of [here, elsewhere, await open()]) {
    expect([sealer.open('p', old), sealer.open('p', renewed)]).toEqual(['old', 'new']);
  }
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
