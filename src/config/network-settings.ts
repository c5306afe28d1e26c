import { isIP } from 'node:net';
import { Type, type Static } from 'typebox';
import { parseIpRange, type IpRange } from '../lib/ip-range.ts';
import { parseBitRate } from '../lib/units.ts';
import { givenVariables } from './given-variables.ts';

/** Variables about the network of a node's sandboxes; lists are separated by commas. */
export const networkVariables = {
  HEARTH_NETWORK_NAMESPACE: Type.Optional(
    Type.String({
      pattern: '^/',
      description: 'A path to the network namespace that routes sandboxes; its own by default.',
    }),
  ),
  HEARTH_NETWORK_RANGES: Type.String({
    default: '198.18.0.0/16,fd68:6561:7274:6800::/64',
    description: 'Addresses of sandboxes: a range of IPv4, of IPv6 or of both.',
  }),
  HEARTH_NETWORK_ALLOW: Type.String({
    default: '',
    description: 'Ranges that functions may list although they are always blocked otherwise.',
  }),
  HEARTH_NETWORK_DENY: Type.String({
    default: '',
    description: 'Ranges blocked besides those that always are.',
  }),
  HEARTH_NETWORK_BANDWIDTH: Type.Optional(
    Type.String({
      pattern: '^[1-9][0-9]{0,8}(kbit|Mbit|Gbit)$',
      description: 'What one sandbox may send, and receive, at most; without it there is no limit.',
    }),
  ),
  HEARTH_DNS: Type.String({
    default: '',
    description:
      'DNS servers for the names that functions list; those of /etc/resolv.conf by default.',
  }),
};

const schema = Type.Object(networkVariables);

export interface NetworkConfig {
  readonly namespace: string | undefined;
  readonly ranges: readonly IpRange[];
  readonly excepted: readonly IpRange[];
  readonly denied: readonly IpRange[];
  /** Bits a second of one sandbox, each way; undefined: as much as there is. */
  readonly bandwidth: number | undefined;
  readonly nameServers: readonly { readonly address: string; readonly port: number }[];
  /** As they were given, for a process of the same host. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Adds to the problems what is wrong. */
export function readNetworkSettings(
  environment: Static<typeof schema>,
  problems: string[],
): NetworkConfig {
  const ranges = (name: keyof typeof networkVariables): readonly IpRange[] =>
    list(environment[name]).flatMap((text) => {
      const range = parseIpRange(text);
      if (!range) problems.push(`${name}: "${text}" is not an address range such as 10.1.0.0/16`);
      return range ? [range] : [];
    });
  const own = ranges('HEARTH_NETWORK_RANGES');
  const families = own.map(({ family }) => family);
  if (families.length !== new Set(families).size || families.length === 0) {
    problems.push('HEARTH_NETWORK_RANGES: must be one range of IPv4, one of IPv6, or both');
  }
  if (own.some(({ family, prefixLength }) => prefixLength > (family === 4 ? 31 : 127))) {
    problems.push('HEARTH_NETWORK_RANGES: a range must have two addresses at least');
  }
  return {
    namespace: environment.HEARTH_NETWORK_NAMESPACE,
    ranges: own,
    excepted: ranges('HEARTH_NETWORK_ALLOW'),
    denied: ranges('HEARTH_NETWORK_DENY'),
    bandwidth: parseBitRate(environment.HEARTH_NETWORK_BANDWIDTH ?? ''),
    nameServers: list(environment.HEARTH_DNS).flatMap((text) => {
      const server = parseServer(text);
      if (!server) problems.push(`HEARTH_DNS: "${text}" is not an address, nor [address]:port`);
      return server ? [server] : [];
    }),
    variables: givenVariables(environment, networkVariables),
  };
}

function parseServer(text: string): { address: string; port: number } | undefined {
  if (isIP(text) !== 0) return { address: text, port: 53 };
  const [, bracketed, plain, port] = /^(?:\[(.+)\]|([0-9.]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = bracketed ?? plain ?? '';
  return isIP(address) === 0 ? undefined : { address, port: Number(port) };
}

function list(text = ''): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
