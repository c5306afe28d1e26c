import { expect, test } from 'vitest';
import { loadHostConfig } from '../../../src/config/host-config.ts';
import { formatIpRange } from '../../../src/lib/ip-range.ts';

test('sandboxes have ranges of both families, and the name servers of the machine, by default', () => {
  const { network } = loadHostConfig({});
  expect(network.ranges.map(formatIpRange)).toEqual(['198.18.0.0/16', 'fd68:6561:7274:6800::/64']);
  expect(network).toMatchObject({
    namespace: undefined,
    excepted: [],
    denied: [],
    nameServers: [],
  });
});

test('lists are read', () => {
  const { network } = loadHostConfig({
    HEARTH_NETWORK_ALLOW: '10.1.0.0/16, 10.2.0.7',
    HEARTH_NETWORK_BANDWIDTH: '100Mbit',
    HEARTH_DNS: '203.0.113.53,203.0.113.54:5353,[2001:db8::53]:53, 2001:db8::54',
  });
  expect(network.bandwidth).toBe(100_000_000);
  expect(network.excepted.map(formatIpRange)).toEqual(['10.1.0.0/16', '10.2.0.7']);
  expect(network.nameServers).toEqual([
    { address: '203.0.113.53', port: 53 },
    { address: '203.0.113.54', port: 5353 },
    { address: '2001:db8::53', port: 53 },
    { address: '2001:db8::54', port: 53 },
  ]);
});

test.each([
  [{ HEARTH_NETWORK_RANGES: '10.0.0.0/8,11.0.0.0/8' }, 'HEARTH_NETWORK_RANGES: must be one range'],
  [{ HEARTH_NETWORK_RANGES: '10.0.0.1' }, 'two addresses at least'],
  [{ HEARTH_NETWORK_ALLOW: 'db.internal' }, 'HEARTH_NETWORK_ALLOW: "db.internal" is not'],
  [{ HEARTH_NETWORK_DENY: '10.0.0.0/40' }, 'HEARTH_NETWORK_DENY: "10.0.0.0/40" is not'],
  [{ HEARTH_DNS: 'dns.example.com' }, 'HEARTH_DNS: "dns.example.com" is not'],
  [{ HEARTH_NETWORK_BANDWIDTH: '10MB' }, 'HEARTH_NETWORK_BANDWIDTH'],
  [{ HEARTH_NETWORK_NAMESPACE: 'mine' }, 'HEARTH_NETWORK_NAMESPACE'],
])('%o is refused', (variables, problem) =>
  expect(() => loadHostConfig(variables)).toThrow(problem),
);
