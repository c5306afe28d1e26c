import type { AppliedFunction, StackRecord } from '../../domain/stack.ts';
import { ApiError, type ApiClient } from '../api-client.ts';
import { sendPackage, type Packed } from '../deploy-folder.ts';
import { jsonBody } from '../json-body.ts';
import type { Change, DesiredStack, ObservedStack } from './apply-plan.ts';

interface Observed extends ObservedStack {
  readonly stack: StackRecord | undefined;
}

const at = (...parts: string[]): string => `/v1/${parts.map(encodeURIComponent).join('/')}`;

/** What the host has of all that a stack may be made of. */
export async function observe(client: ApiClient, stack: string): Promise<Observed> {
  const [record, { functions }, { volumes }, { networks }] = await Promise.all([
    client.json<StackRecord>(at('stacks', stack)).catch(nothing),
    client.json<FunctionList>('/v1/functions'),
    client.json<{ volumes: readonly { name: string }[] }>('/v1/volumes'),
    client.json<NetworkList>('/v1/networks'),
  ]);
  return {
    stack: record,
    functions: new Map(functions.map(({ name, live }) => [name, live.number])),
    volumes: new Set(volumes.map(({ name }) => name)),
    networks: new Map(
      networks.map(({ name, endpoints }) => [
        name,
        Object.fromEntries(endpoints.map((one) => [one.name, targetOf(one)])),
      ]),
    ),
  };
}

interface FunctionList {
  readonly functions: readonly { readonly name: string; readonly live: { number: number } }[];
}

interface NetworkList {
  readonly networks: readonly {
    readonly name: string;
    readonly endpoints: readonly (Endpoint & { readonly name: string })[];
  }[];
}

interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly protocol: string;
}

function nothing(error: unknown): undefined {
  if (error instanceof ApiError && error.status === 404) return undefined;
  throw error;
}

/** As it is written in stack.json. */
const targetOf = ({ host, port, protocol }: Endpoint): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}${protocol === 'udp' ? '/udp' : ''}`;

export interface StackToApply {
  readonly name: string;
  readonly desired: DesiredStack;
  readonly observed: Observed;
  readonly packages: ReadonlyMap<string, Packed>;
  readonly volumeSizes: Readonly<Record<string, { readonly size: string }>>;
}

/**
 * Makes the changes, each told when it is done. The stack is written down before, so that what an
 * apply that is broken off has made is known as its own, and after, as it is then.
 */
export async function applyChanges(
  client: ApiClient,
  { name, desired, observed, packages, volumeSizes }: StackToApply,
  changes: readonly Change[],
  onDone: (change: Change) => void,
): Promise<void> {
  const functions = new Map(Object.entries(observed.stack?.functions ?? {}));
  for (const made of desired.functions.keys()) {
    if (!functions.has(made)) functions.set(made, { packageDigest: '', version: 0 });
  }
  const networks = new Set([...(observed.stack?.networks ?? []), ...newNetworks(changes)]);
  let { revision } = await save(observed.stack?.revision ?? 0);

  function save(before: number): Promise<StackRecord> {
    const body = {
      revision: before,
      functions: Object.fromEntries(functions),
      networks: [...networks],
    };
    return client.json<StackRecord>(at('stacks', name), jsonBody(body, 'PUT'));
  }

  async function make(change: Change): Promise<void> {
    const { kind, verb, name: one, network = '', target } = change;
    if (kind === 'function' && verb !== 'remove') {
      functions.set(one, await deployed(client, packages.get(one)!));
    } else if (kind === 'function') {
      await client.request(at('functions', one), { method: 'DELETE' });
      functions.delete(one);
    } else if (kind === 'endpoint') {
      const path = at('networks', network, 'endpoints', one);
      await client.request(
        path,
        verb === 'remove' ? { method: 'DELETE' } : jsonBody({ target }, 'PUT'),
      );
    } else if (kind === 'network' && verb === 'remove') {
      await client.request(at('networks', one), { method: 'DELETE' });
      networks.delete(one);
    } else if (kind === 'network') {
      await client.request('/v1/networks', jsonBody({ name: one }));
    } else {
      await client.request('/v1/volumes', jsonBody({ name: one, ...volumeSizes[one] }));
    }
  }

  try {
    for (const change of changes) {
      await make(change);
      onDone(change);
    }
  } finally {
    ({ revision } = await save(revision));
  }
}

const newNetworks = (changes: readonly Change[]): readonly string[] =>
  changes.flatMap(({ kind, verb, name }) =>
    kind === 'network' && verb === 'create' ? [name] : [],
  );

async function deployed(client: ApiClient, packed: Packed): Promise<AppliedFunction> {
  const { version } = await sendPackage(client, packed);
  return { packageDigest: packed.digest, version: version.number };
}
