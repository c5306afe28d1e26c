import type { EgressRule } from '../../domain/network.ts';
import { formatIpRange, parseIpRange } from '../../lib/ip-range.ts';

/** `<where>:<ports>[/<protocol>]`; an IPv6 range stands in brackets. */
const entryPattern = /^(?:\[([^\]]*)\]|([^[\]:]*)):([^:/]+)(?:\/(tcp|udp))?$/;
const namePattern =
  /^(\*\.)?(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;

export const egressForms =
  '"api.example.com:443", "*.example.com:443", "203.0.113.0/24:8000-8100", "[2001:db8::/32]:443" or "*:443", with "/udp" behind it for UDP';

/** One entry of `network.egress`, or what is wrong with it as the rest of a sentence. */
export function parseEgressEntry(text: string): EgressRule | string {
  const match = entryPattern.exec(text.trim());
  if (!match) return `is not of the form ${egressForms}`;
  const [, bracketed, plain = '', portText = '', protocol = 'tcp'] = match;
  const to = bracketed === undefined ? parseTarget(plain.toLowerCase()) : parseRange(bracketed, 6);
  if (to === undefined) return `names neither a host name, an address range, nor "*"`;
  const ports = parsePorts(portText);
  if (ports === undefined) return `has no port or ports between 1 and 65535`;
  if (to.kind === 'name' && ports[0] !== ports[1]) {
    return 'has several ports: with a name that takes an entry for each';
  }
  return { to, protocol: protocol === 'udp' ? 'udp' : 'tcp', ports };
}

function parseTarget(text: string): EgressRule['to'] | undefined {
  if (text === '*') return { kind: 'any' };
  const name = text.replace(/\.$/, '');
  return parseRange(text, 4) ?? (namePattern.test(name) ? { kind: 'name', name } : undefined);
}

function parseRange(text: string, family: 4 | 6): EgressRule['to'] | undefined {
  const range = parseIpRange(text);
  return range?.family === family ? { kind: 'range', range: formatIpRange(range) } : undefined;
}

function parsePorts(text: string): EgressRule['ports'] | undefined {
  if (text === '*') return [1, 65_535];
  const [, first = '', last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const ports = [Number(first), Number(last)] as const;
  const isFine = first !== '' && ports[0] >= 1 && ports[0] <= ports[1] && ports[1] <= 65_535;
  return isFine ? ports : undefined;
}
