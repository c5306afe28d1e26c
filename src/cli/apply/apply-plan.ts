import type { StackRecord } from '../../domain/stack.ts';

/** What a folder says there should be. */
export interface DesiredStack {
  /** Name → SHA-256 of its package. */
  readonly functions: ReadonlyMap<string, string>;
  readonly volumes: ReadonlySet<string>;
  /** Name → endpoint → target. */
  readonly networks: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

/** What the host says there is. */
export interface ObservedStack {
  readonly stack: Pick<StackRecord, 'functions' | 'networks'> | undefined;
  /** Name → the number of what is live. */
  readonly functions: ReadonlyMap<string, number>;
  readonly volumes: ReadonlySet<string>;
  readonly networks: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

export interface Change {
  readonly verb: 'create' | 'change' | 'remove';
  readonly kind: 'volume' | 'network' | 'endpoint' | 'function';
  readonly name: string;
  /** Of an endpoint: its network. */
  readonly network?: string;
  readonly target?: string;
  readonly why?: string;
}

/**
 * What makes the one into the other, in an order in which it works: what functions need comes before
 * them and goes after them. Only what this stack has made before is ever removed, and no volume.
 */
export function planApply(desired: DesiredStack, observed: ObservedStack): readonly Change[] {
  const earlier = observed.stack ?? { functions: {}, networks: [] };
  const volumes = [...desired.volumes].filter((name) => !observed.volumes.has(name));
  const goneFunctions = Object.keys(earlier.functions).filter(
    (name) => !desired.functions.has(name) && observed.functions.has(name),
  );
  const goneNetworks = earlier.networks.filter(
    (name) => !desired.networks.has(name) && observed.networks.has(name),
  );
  const kept = networkChanges(desired, observed);
  return [
    ...volumes.map((name) => ({ verb: 'create', kind: 'volume', name }) as const),
    ...kept.filter(({ verb }) => verb !== 'remove'),
    ...[...desired.functions].flatMap(([name, packageDigest]) =>
      functionChange(name, packageDigest, observed),
    ),
    ...goneFunctions.map((name) => ({ verb: 'remove', kind: 'function', name }) as const),
    ...kept.filter(({ verb }) => verb === 'remove'),
    ...goneNetworks.map((name) => ({ verb: 'remove', kind: 'network', name }) as const),
  ];
}

function functionChange(
  name: string,
  packageDigest: string,
  { stack, functions }: ObservedStack,
): readonly Change[] {
  const live = functions.get(name);
  if (live === undefined) return [{ verb: 'create', kind: 'function', name }];
  const earlier = stack?.functions[name];
  const change = (why: string): readonly Change[] => [
    { verb: 'change', kind: 'function', name, why },
  ];
  if (!earlier) return change('was not made by this stack, which takes it over');
  if (earlier.packageDigest !== packageDigest) return change('its package has changed');
  return earlier.version === live
    ? []
    : change(`version ${live} is live, not version ${earlier.version} that was applied`);
}

function networkChanges(
  desired: DesiredStack,
  { stack, networks }: ObservedStack,
): readonly Change[] {
  return [...desired.networks].flatMap(([network, endpoints]) => {
    const there = networks.get(network);
    const made: readonly Change[] = there
      ? []
      : [{ verb: 'create', kind: 'network', name: network }];
    const wanted = Object.entries(endpoints).flatMap(([name, target]): readonly Change[] => {
      const before = there?.[name];
      if (before === target) return [];
      const verb = before === undefined ? 'create' : 'change';
      const why = before === undefined ? {} : { why: `was ${before}` };
      return [{ verb, kind: 'endpoint', name, network, target, ...why }];
    });
    const isOurs = stack?.networks.includes(network) ?? false;
    const gone = Object.keys(isOurs ? (there ?? {}) : {})
      .filter((name) => !Object.hasOwn(endpoints, name))
      .map((name) => ({ verb: 'remove', kind: 'endpoint', name, network }) as const);
    return made.concat(wanted, gone);
  });
}

const signs = { create: '+', change: '~', remove: '-' } as const;

/** A line of the diff. */
export function describeChange({ verb, kind, name, network, target, why }: Change): string {
  const where = network === undefined ? '' : ` of network ${network}`;
  const to = target === undefined ? '' : `: ${target}`;
  return `${signs[verb]} ${kind} ${name}${where}${to}${why === undefined ? '' : `  (${why})`}`;
}
