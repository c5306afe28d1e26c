import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  formatIp,
  formatIpRange,
  ipRangeSize,
  ipRangesOverlap,
  parseIpRange,
  type IpRange,
} from '../../../src/lib/ip-range.ts';

const range = (text: string): IpRange => {
  const parsed = parseIpRange(text);
  if (!parsed) throw new TypeError(text);
  return parsed;
};

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['203.0.113.7/24', '203.0.113.0/24'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['2001:DB8::1', '2001:db8::1'],
  ['2001:db8:1:2:3::/32', '2001:db8::/32'],
  ['::ffff:10.0.0.1', '::ffff:a00:1'],
  ['::/0', '::/0'],
  ['1:2:3:4:5:6:7:8/127', '1:2:3:4:5:6:7:8/127'],
])('reads %s as %s', (text, canonical) => expect(formatIpRange(range(text))).toBe(canonical));

test.each([
  '',
  'example.com',
  '10.0.0.0/33',
  '::/129',
  '10.0.0.0/',
  '10.0.0.0/8/8',
  '10.0.0',
  '::1%lo',
])('reads no range in "%s"', (text) => expect(parseIpRange(text)).toBeUndefined());

test('every address is read as it is written', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(4 as const, 6 as const),
      fc.bigInt(0n, 2n ** 128n - 1n),
      (family, any) => {
        const value = family === 4 ? any >> 96n : any;
        expect(range(formatIp(family, value)).first).toBe(value);
      },
    ),
  );
});

test.each([
  ['10.0.0.0/8', '10.1.2.3', true],
  ['10.1.2.3', '10.0.0.0/8', true],
  ['10.0.0.0/9', '10.128.0.0/9', false],
  ['0.0.0.0/0', '::/0', false],
  ['fd00::/8', 'fd00:ec2::254', true],
])('%s and %s share addresses: %s', (a, b, shared) =>
  expect(ipRangesOverlap(range(a), range(b))).toBe(shared),
);

test('a range knows its size', () => {
  expect(ipRangeSize(range('198.18.0.0/16'))).toBe(65_536n);
  expect(ipRangeSize(range('fd00::/64'))).toBe(2n ** 64n);
});
