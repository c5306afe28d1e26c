import type { EgressRule } from '../domain/network.ts';
import type { IpFamily } from '../lib/ip-range.ts';

/** All that one node's rules are made of. */
export interface RulesetOptions {
  /** One table a node: other tables are never touched. */
  readonly table: string;
  /** What the names of the node's interfaces begin with. */
  readonly linkPrefix: string;
  /** Addresses of the node's sandboxes, as CIDR ranges. */
  readonly sandboxRanges: readonly string[];
  readonly blocked: Readonly<Record<IpFamily, readonly string[]>>;
  readonly excepted: Readonly<Record<IpFamily, readonly string[]>>;
  readonly caps: ConnectionCaps;
}

/** Of one sandbox. Past them new connections are refused. */
export interface ConnectionCaps {
  readonly open: number;
  readonly newPerSecond: number;
}

interface Chain {
  /** The line that makes it one of the kernel's own; others are reached by jumps. */
  readonly hook?: string;
  readonly rules: readonly string[];
}

/** Refusals remembered until they are told; more are refused all the same. */
const denialsLimit = 1024;

/** How many connections to names the rules can allow at once, on the whole node. */
const resolvedLimit = 65_535;

/**
 * The whole table. What a sandbox sends is dropped unless it comes from its own addresses; goes on
 * if it belongs to a connection of the invocation that runs now (`open`: the interface with the
 * mark of its connections); and begins a connection only where the function's rules say so. All
 * else is rejected, so that the function gets an error at once instead of a timeout.
 */
export function ruleset(options: RulesetOptions): Readonly<Record<string, Chain>> {
  const { linkPrefix, sandboxRanges, caps } = options;
  const fromSandbox = `iifname "${linkPrefix}*"`;
  const toSandbox = `oifname "${linkPrefix}*"`;
  return {
    forward: {
      hook: 'type filter hook forward priority filter; policy accept;',
      rules: [`${fromSandbox} goto from_sandbox`, `${toSandbox} goto to_sandbox`],
    },
    // To the machine itself, whichever of its addresses was meant.
    input: {
      hook: 'type filter hook input priority filter; policy accept;',
      rules: [
        `${fromSandbox} ip daddr @excepted4 goto from_sandbox`,
        `${fromSandbox} ip6 daddr @excepted6 goto from_sandbox`,
        `${fromSandbox} iifname . ip daddr . meta l4proto . th dport @private4 goto from_sandbox`,
        `${fromSandbox} iifname . ip6 daddr . meta l4proto . th dport @private6 goto from_sandbox`,
        `${fromSandbox} ct state established,related iifname . ct mark @open goto from_sandbox`,
        `${fromSandbox} goto refuse`,
      ],
    },
    postrouting: {
      hook: 'type nat hook postrouting priority srcnat; policy accept;',
      rules: sandboxRanges.map((range) => `${familyOf(range)} saddr ${range} masquerade`),
    },
    from_sandbox: {
      rules: [
        'meta nfproto ipv4 iifname . ether saddr . ip saddr != @source4 drop',
        'meta nfproto ipv6 iifname . ether saddr . ip6 saddr != @source6 drop',
        `${toSandbox} goto refuse`,
        'ct state established,related iifname . ct mark @open accept',
        'ct state != new goto refuse',
        'iifname . ip daddr . meta l4proto . th dport @private4 goto private',
        'iifname . ip6 daddr . meta l4proto . th dport @private6 goto private',
        'ip daddr @blocked4 ip daddr != @excepted4 goto refuse',
        'ip6 daddr @blocked6 ip6 daddr != @excepted6 goto refuse',
        'jump limit_new',
        'iifname . ip daddr . meta l4proto . th dport @resolved4 goto begin',
        'iifname . ip6 daddr . meta l4proto . th dport @resolved6 goto begin',
        'iifname vmap @policies',
        'goto refuse',
      ],
    },
    // Where an operator let the function go, although it is blocked for others.
    private: { rules: ['jump limit_new', 'goto begin'] },
    limit_new: {
      rules: [
        `update @rates { iifname limit rate over ${caps.newPerSecond}/second burst ${caps.newPerSecond} packets } goto refuse`,
        `add @connections { iifname ct count over ${caps.open} } goto refuse`,
      ],
    },
    // The mark is missing, and the connection dead at its next packet, where nothing is open.
    begin: {
      rules: ['ct mark set iifname map @marks', 'iifname . ct mark @open accept', 'goto refuse'],
    },
    to_sandbox: { rules: ['ct state established,related oifname . ct mark @open accept', 'drop'] },
    refuse: {
      rules: [
        'update @denials4 { iifname . ip daddr . meta l4proto . th dport }',
        'update @denials6 { iifname . ip6 daddr . meta l4proto . th dport }',
        'meta l4proto tcp reject with tcp reset',
        'reject with icmpx type admin-prohibited',
      ],
    },
  };
}

const address = (family: IpFamily) => (family === 4 ? 'ipv4_addr' : 'ipv6_addr');

const flow = (family: IpFamily) => `type ifname . ${address(family)} . inet_proto . inet_service;`;

const ranges = (family: IpFamily, elements: readonly string[]) =>
  `type ${address(family)}; flags interval;${elements.length > 0 ? ` elements = { ${elements.join(', ')} };` : ''}`;

/** As `nft -f -` reads it: replaces the table, whatever of it was there, in one transaction. */
export function renderTable(options: RulesetOptions): string {
  const { table, blocked, excepted } = options;
  const sets = ([4, 6] as const).flatMap((family) => [
    `set source${family} { type ifname . ether_addr . ${address(family)}; }`,
    `set blocked${family} { ${ranges(family, blocked[family])} }`,
    `set excepted${family} { ${ranges(family, excepted[family])} }`,
    `set resolved${family} { ${flow(family)} flags timeout; size ${resolvedLimit}; }`,
    `set private${family} { ${flow(family)} flags timeout; size ${resolvedLimit}; }`,
    `set denials${family} { ${flow(family)} flags dynamic,timeout; timeout 10s; size ${denialsLimit}; }`,
  ]);
  const lines = [
    ...sets,
    'set open { type ifname . mark; }',
    'map marks { type ifname : mark; }',
    'map policies { type ifname : verdict; }',
    'set connections { type ifname; flags dynamic; size 65535; }',
    'set rates { type ifname; flags dynamic,timeout; timeout 10s; size 65535; }',
    ...Object.entries(ruleset(options)).map(([name, chain]) => renderChain(name, chain)),
  ];
  return `table inet ${table}\ndelete table inet ${table}\ntable inet ${table} {\n${lines.join('\n')}\n}\n`;
}

/** The rules of one function that name addresses; those that name hosts live in `resolved`. */
export function policyRules(rules: readonly EgressRule[]): readonly string[] {
  return rules.flatMap(({ to, protocol, ports: [first, last] }) => {
    const port = `${protocol} dport ${first === last ? first : `${first}-${last}`}`;
    if (to.kind === 'any') return [`${port} goto begin`];
    if (to.kind === 'range') return [`${familyOf(to.range)} daddr ${to.range} ${port} goto begin`];
    return [];
  });
}

export function renderPolicy(table: string, name: string, rules: readonly string[]): string {
  return `table inet ${table} {\n${renderChain(name, { rules })}\n}\n`;
}

function renderChain(name: string, { hook, rules }: Chain): string {
  return `chain ${name} {\n${hook === undefined ? '' : `${hook}\n`}${rules.join('\n')}\n}`;
}

function familyOf(range: string): 'ip' | 'ip6' {
  return range.includes(':') ? 'ip6' : 'ip';
}
