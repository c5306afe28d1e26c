import { Type, type Static } from 'typebox';
import { isName } from '../../domain/ids.ts';
import type { EgressRule, NetworkSpec } from '../../domain/network.ts';
import { parseBitRate } from '../../lib/units.ts';
import { parseEgressEntry } from './egress-entry.ts';
import type { Problems } from './problems.ts';
import { strict } from './strict.ts';

export const networkSchema = Type.Object(
  {
    egress: Type.Optional(
      Type.Array(Type.String(), {
        default: [],
        maxItems: 100,
        description:
          'Where it may connect to: `host:port`, `CIDR:port` or `*:port`, TCP or `/udp`.',
      }),
    ),
    bandwidth: Type.Optional(
      Type.String({
        description:
          'At most so much each way, `64kbit` to `100Gbit`; what the operator allows by default.',
      }),
    ),
    networks: Type.Optional(
      Type.Array(Type.String(), {
        default: [],
        maxItems: 16,
        description:
          'Private networks that it is on: it reaches what is on them as `<name>.<network>.internal`.',
      }),
    ),
    calls: Type.Optional(
      Type.Array(Type.String({ pattern: '^[a-z0-9*-]{1,63}$' }), {
        default: [],
        maxItems: 100,
        description:
          'Functions that it may call as `http://<name>.fn.internal/`; `*` is any text in a name.',
      }),
    ),
  },
  strict,
);

const bandwidths = ['64kbit', '100Gbit'] as const;

/** Undefined where the function wants no network: then there is none. */
export function readNetwork(
  { egress = [], calls = [], networks = [], bandwidth }: Static<typeof networkSchema>,
  problems: Problems,
): NetworkSpec | undefined {
  const rules = egress.flatMap((entry, i): EgressRule[] => {
    const rule = parseEgressEntry(entry);
    if (typeof rule !== 'string') return [rule];
    problems.add(`network.egress.${i}: "${entry}" ${rule}`);
    return [];
  });
  networks.forEach((name, i) => {
    if (!isName(name)) problems.add(`network.networks.${i}: "${name}" is no name of a network`);
  });
  if (rules.length + calls.length + networks.length === 0) return undefined;
  return {
    egress: rules,
    ...(calls.length > 0 ? { calls } : {}),
    ...(networks.length > 0 ? { networks } : {}),
    ...(bandwidth === undefined
      ? {}
      : { bandwidth: problems.quantity('network.bandwidth', bandwidth, parseBitRate, bandwidths) }),
  };
}
