import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { formatIp, parseIpRange } from '../../../src/lib/ip-range.ts';
import { AddressPool, type AddressPair } from '../../../src/network/address-pool.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-addresses-'));
});
afterEach(() => rm(dir, { recursive: true }));

const poolOf = (range: string) => new AddressPool(dir, parseIpRange(range)!);
const written = ({ family, router, sandbox }: AddressPair) =>
  `${formatIp(family, router)} ${formatIp(family, sandbox)}`;

test('pairs are even and odd, of either family', async () => {
  expect(written(await poolOf('198.18.0.0/24').lease('a'))).toBe('198.18.0.0 198.18.0.1');
  expect(written(await poolOf('fd68::/64').lease('a'))).toBe('fd68:: fd68::1');
});

test('a pair that was given back rests until all others have had their turn', async () => {
  const pool = poolOf('198.18.0.0/29');
  const seen: string[] = [];
  for (let i = 0; i < 5; i++) {
    await using pair = await pool.lease('a');
    seen.push(written(pair).split(' ')[0]!);
  }
  expect(seen).toEqual(['198.18.0.0', '198.18.0.2', '198.18.0.4', '198.18.0.6', '198.18.0.0']);
});

test('no pair has two holders, whoever else takes from the same range', async () => {
  await writeFile(join(dir, '198.18.0.2'), 'another worker\n');
  const pool = poolOf('198.18.0.0/29');
  const pairs = await Promise.all([pool.lease('a'), pool.lease('b'), pool.lease('c')]);
  expect(new Set(pairs.map(written)).size).toBe(3);
  expect(pairs.map(written)).not.toContain('198.18.0.2 198.18.0.3');
  await expect(pool.lease('d')).rejects.toMatchObject({ reason: 'network.no_address' });
  await pairs[0]?.[Symbol.asyncDispose]();
  expect(written(await pool.lease('d'))).toBe(written(pairs[0]));
});

test('nothing is left of pairs that were given back', async () => {
  const pair = await poolOf('198.18.0.0/29').lease('a');
  await pair[Symbol.asyncDispose]();
  await pair[Symbol.asyncDispose]();
  expect(await readdir(dir)).toEqual([]);
});
