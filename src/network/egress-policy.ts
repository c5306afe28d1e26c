import type { EgressRule, NetworkSpec } from '../domain/network.ts';

/** Where a host name may be connected to: one element of the packet filter for each. */
export interface AllowedPort {
  readonly protocol: EgressRule['protocol'];
  readonly port: number;
}

/** What the rules say of a host name. */
export interface NameVerdict {
  /** May it be resolved at all? What may not be, would carry data out. */
  readonly isAllowed: boolean;
  /** Reachable at the addresses that it resolves to. */
  readonly ports: readonly AllowedPort[];
}

/** `name` is in lower case, without a dot at its end. */
export function judgeName(rules: readonly EgressRule[], name: string): NameVerdict {
  const ports = rules.flatMap(({ to, protocol, ports: [port] }) =>
    to.kind === 'name' && matches(to.name, name) ? [{ protocol, port }] : [],
  );
  // POLICY: whoever may connect to every address may also look up every name.
  const isAllowed = ports.length > 0 || rules.some(({ to }) => to.kind === 'any');
  return { isAllowed, ports };
}

/** Does it need an interface beside its loopback? */
export function needsLink({ egress, networks = [] }: NetworkSpec): boolean {
  return egress.length + networks.length > 0;
}

/** Does it call functions? */
export function needsDoor({ calls = [], networks = [] }: NetworkSpec): boolean {
  return calls.length + networks.length > 0;
}

/** Does it need names to be resolved? */
export function needsNames(network: NetworkSpec): boolean {
  return needsDoor(network) || network.egress.some(({ to }) => to.kind !== 'range');
}

/** The less of what a function asks for and what the operator allows; undefined: no limit. */
export function allowedBandwidth(
  asked: number | undefined,
  allowed: number | undefined,
): number | undefined {
  const least = Math.min(asked ?? Infinity, allowed ?? Infinity);
  return Number.isFinite(least) ? least : undefined;
}

function matches(pattern: string, name: string): boolean {
  return pattern.startsWith('*.') ? name.endsWith(pattern.slice(1)) : name === pattern;
}
