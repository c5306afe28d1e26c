import { expect, test } from 'vitest';
import type { EgressRule } from '../../../src/domain/network.ts';
import {
  allowedBandwidth,
  judgeName,
  needsLink,
  needsNames,
} from '../../../src/network/egress-policy.ts';

const rule = (to: EgressRule['to'], port: number): EgressRule => ({
  to,
  protocol: 'tcp',
  ports: [port, port],
});
const named = (name: string, port = 443) => rule({ kind: 'name', name }, port);
const ranged = rule({ kind: 'range', range: '203.0.113.0/24' }, 443);
const any = rule({ kind: 'any' }, 443);

test.each([
  [[named('a.example.com')], 'a.example.com', [443]],
  [[named('a.example.com')], 'b.a.example.com', undefined],
  [[named('a.example.com')], 'xa.example.com', undefined],
  [[named('*.example.com')], 'a.example.com', [443]],
  [[named('*.example.com')], 'b.a.example.com', [443]],
  [[named('*.example.com')], 'example.com', undefined],
  [[named('*.example.com')], 'badexample.com', undefined],
  [[named('*.example.com', 80), named('a.example.com')], 'a.example.com', [80, 443]],
  [[ranged], 'a.example.com', undefined],
  [[any], 'a.example.com', []],
])('%j makes %s resolvable for the ports %j', (rules, name, ports) => {
  const verdict = judgeName(rules, name);
  expect(verdict.isAllowed).toBe(ports !== undefined);
  expect(verdict.ports.map(({ port }) => port)).toEqual(ports ?? []);
});

test.each([
  [{ egress: [named('a.example.com')] }, { link: true, names: true }],
  [{ egress: [any] }, { link: true, names: true }],
  [{ egress: [ranged] }, { link: true, names: false }],
  [
    { egress: [], calls: ['orders'] },
    { link: false, names: true },
  ],
])('%j needs %j', (network, { link, names }) => {
  expect([needsLink(network), needsNames(network)]).toEqual([link, names]);
});

test.each([
  [undefined, undefined, undefined],
  [5, undefined, 5],
  [undefined, 7, 7],
  [5, 7, 5],
  [9, 7, 7],
])('who asks for %s where %s is allowed gets %s', (asked, allowed, expected) => {
  expect(allowedBandwidth(asked, allowed)).toBe(expected);
});
