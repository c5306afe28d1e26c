import { describe, expect, test } from 'vitest';
import { parseEgressEntry } from '../../../src/config/function/egress-entry.ts';
import { parseFunctionConfig } from '../../../src/config/function-config.ts';
import type { EgressRule } from '../../../src/domain/network.ts';

const name = (text: string) => ({ kind: 'name', name: text }) as const;
const range = (text: string) => ({ kind: 'range', range: text }) as const;

describe('an entry of network.egress', () => {
  test.each<[string, EgressRule['to'], EgressRule['protocol'], EgressRule['ports']]>([
    ['api.example.com:443', name('api.example.com'), 'tcp', [443, 443]],
    ['API.Example.com.:443', name('api.example.com'), 'tcp', [443, 443]],
    ['*.example.com:443', name('*.example.com'), 'tcp', [443, 443]],
    ['time.example.com:123/udp', name('time.example.com'), 'udp', [123, 123]],
    ['203.0.113.9:5432', range('203.0.113.9'), 'tcp', [5432, 5432]],
    ['203.0.113.7/24:8000-8100', range('203.0.113.0/24'), 'tcp', [8000, 8100]],
    ['203.0.113.0/24:*/udp', range('203.0.113.0/24'), 'udp', [1, 65_535]],
    ['[2001:db8::/32]:443', range('2001:db8::/32'), 'tcp', [443, 443]],
    ['[2001:db8::1]:53/udp', range('2001:db8::1'), 'udp', [53, 53]],
    ['*:443', { kind: 'any' }, 'tcp', [443, 443]],
  ])('%s', (text, to, protocol, ports) =>
    expect(parseEgressEntry(text)).toEqual({ to, protocol, ports }),
  );

  test.each([
    ['api.example.com', 'is not of the form'],
    ['https://api.example.com:443', 'is not of the form'],
    ['2001:db8::1:443', 'is not of the form'],
    ['api.example.com:443/sctp', 'is not of the form'],
    ['a*.example.com:443', 'names neither'],
    ['*.:443', 'names neither'],
    ['-a.example.com:443', 'names neither'],
    ['203.0.113.0/33:443', 'names neither'],
    ['203.0.113:443', 'names neither'],
    ['[203.0.113.9]:443', 'names neither'],
    [':443', 'names neither'],
    ['api.example.com:0', 'has no port'],
    ['api.example.com:65536', 'has no port'],
    ['203.0.113.9:90-80', 'has no port'],
    ['203.0.113.9:https', 'has no port'],
    ['api.example.com:80-90', 'has several ports'],
    ['api.example.com:*', 'has several ports'],
  ])('%s %s', (text, problem) => expect(parseEgressEntry(text)).toContain(problem));
});

describe('the network in hearth.json', () => {
  const parse = (network: string) =>
    parseFunctionConfig(`{ "name": "a", "entry": "a.js", "network": ${network} }`).network;

  test('is none unless it lists something', () => {
    expect(parse('{}')).toBeUndefined();
    expect(parse('{ "egress": [] }')).toBeUndefined();
    expect(parse('{ "egress": ["*:443"] }')?.egress).toHaveLength(1);
  });

  test('lists functions and private networks, and a bandwidth', () => {
    expect(
      parse('{ "calls": ["orders", "shop-*"], "networks": ["db"], "bandwidth": "10Mbit" }'),
    ).toEqual({
      egress: [],
      calls: ['orders', 'shop-*'],
      networks: ['db'],
      bandwidth: 10_000_000,
    });
    for (const wrong of [
      '{ "calls": ["Orders"] }',
      '{ "networks": ["a.b"] }',
      '{ "networks": ["db"], "bandwidth": "1kbit" }',
      '{ "networks": ["db"], "bandwidth": "10MB" }',
    ]) {
      expect(() => parse(wrong)).toThrow(/network\.(calls|networks|bandwidth)/);
    }
  });

  test('names each entry that means nothing', () => {
    expect(() => parse('{ "egress": ["*:443", "nowhere", "*:0"] }')).toThrow(
      /network\.egress\.1: "nowhere" is not .*network\.egress\.2: "\*:0" has no port/,
    );
  });
});
