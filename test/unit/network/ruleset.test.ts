import { describe, expect, test } from 'vitest';
import { parseIpRange, type IpRange } from '../../../src/lib/ip-range.ts';
import {
  blockedRanges,
  checkEgress,
  checkEndpoint,
  disjoint,
  isBlocked,
} from '../../../src/network/blocked-ranges.ts';
import { policyRules, renderTable } from '../../../src/network/ruleset.ts';

const ranges = (...texts: string[]): IpRange[] => texts.flatMap((text) => parseIpRange(text) ?? []);
const operator = { ranges: ranges('198.18.0.0/16'), denied: [], excepted: [] };

describe('what is always blocked', () => {
  test.each([
    '169.254.169.254',
    'fd00:ec2::254',
    '10.0.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.100.100.200',
    '127.0.0.1',
    '0.0.0.0',
    '255.255.255.255',
    '198.18.3.4',
    '::1',
    'fe80::1',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
    '2002:a00:1::1',
    'no address',
  ])('%s is', (address) => expect(isBlocked(address, operator)).toBe(true));

  test.each(['203.0.113.9', '172.32.0.1', '2001:db8::9', '2606:4700::1'])('%s is not', (address) =>
    expect(isBlocked(address, operator)).toBe(false),
  );

  test('changes with what the operator says', () => {
    const changed = {
      ...operator,
      excepted: ranges('10.1.0.0/16'),
      denied: ranges('203.0.113.0/24'),
    };
    expect(isBlocked('10.1.2.3', changed)).toBe(false);
    expect(isBlocked('10.2.2.3', changed)).toBe(true);
    expect(isBlocked('203.0.113.9', changed)).toBe(true);
    expect(blockedRanges(4, changed)).toContain('203.0.113.0/24');
  });

  test('is told to nft without a range that lies in another', () => {
    expect(disjoint(ranges('10.1.0.0/16', '10.0.0.0/8', '10.0.0.0/8', '11.0.0.0/8'))).toEqual([
      '10.0.0.0/8',
      '11.0.0.0/8',
    ]);
    expect(blockedRanges(4, operator)).not.toContain('198.18.0.0/16'); // in 198.18.0.0/15
  });
});

describe('an endpoint of a private network', () => {
  const denied = { ...operator, denied: ranges('10.66.0.0/16') };
  test.each(['127.0.0.1', '169.254.169.254', '::1', 'fe80::1', '198.18.3.4', '10.66.0.1'])(
    'cannot be %s',
    (host) =>
      expect(() => checkEndpoint({ host }, denied)).toThrow(
        expect.objectContaining({ reason: 'network.forbidden_endpoint' }),
      ),
  );

  test.each(['10.0.0.5', 'fd00::5', '203.0.113.9', 'db.corp.example'])('can be %s', (host) =>
    checkEndpoint({ host }, denied),
  );
});

describe('a deploy', () => {
  const check = (range: string, excepted: readonly string[] = []) =>
    checkEgress(
      { egress: [{ to: { kind: 'range', range }, protocol: 'tcp', ports: [443, 443] }] },
      { ...operator, excepted: ranges(...excepted) },
    );

  test.each(['10.0.0.5', '169.254.169.254', 'fd00:ec2::254', '198.18.3.0/24'])(
    'is told that %s cannot be reached',
    (range) =>
      expect(() => check(range)).toThrow(expect.objectContaining({ reason: 'network.blocked' })),
  );

  test('may list what is blocked only in part, or excepted', () => {
    check('0.0.0.0/0');
    check('203.0.113.0/24');
    check('10.1.0.5', ['10.1.0.0/16']);
    check('10.0.0.0/8', ['10.1.0.0/16']);
  });
});

describe('the rules of a function', () => {
  const ports = [80, 90] as const;
  test.each([
    [{ kind: 'any' } as const, 'tcp dport 80-90 goto begin'],
    [
      { kind: 'range', range: '203.0.113.0/24' } as const,
      'ip daddr 203.0.113.0/24 tcp dport 80-90 goto begin',
    ],
    [
      { kind: 'range', range: '2001:db8::1' } as const,
      'ip6 daddr 2001:db8::1 tcp dport 80-90 goto begin',
    ],
  ])('for %j', (to, line) => expect(policyRules([{ to, protocol: 'tcp', ports }])).toEqual([line]));

  test('that name hosts stand in no chain: their addresses are not known yet', () => {
    const to = { kind: 'name', name: 'a.example.com' } as const;
    expect(policyRules([{ to, protocol: 'tcp', ports: [443, 443] }])).toEqual([]);
  });
});

test('the table replaces an earlier one of the same name in one transaction', () => {
  const text = renderTable({
    table: 'hearth_x',
    linkPrefix: 'hx',
    sandboxRanges: ['198.18.0.0/16'],
    blocked: { 4: ['10.0.0.0/8'], 6: [] },
    excepted: { 4: [], 6: [] },
    caps: { open: 1, newPerSecond: 2 },
  });
  expect(text).toMatch(
    /^table inet hearth_x\ndelete table inet hearth_x\ntable inet hearth_x \{\n/,
  );
  expect(text).not.toContain('undefined');
  expect(text.match(/table/g)).toHaveLength(3);
});
