import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import { HostError } from '../domain/errors.ts';
import { namePattern } from '../domain/ids.ts';
import type { RecordStore } from '../domain/record-store.ts';
import type { StackRecord } from '../domain/stack.ts';
import { requireRight } from './callers.ts';
import { acceptJson } from './json-bodies.ts';
import { forNamed } from './route-access.ts';

export interface StackRoutesOptions {
  readonly stacks: Pick<RecordStore<StackRecord>, 'get' | 'list' | 'put'>;
}

const strict = { additionalProperties: false };
const named = { pattern: namePattern };

const stackSchema = Type.Object(
  {
    revision: Type.Integer({ minimum: 0, description: 'The one that was read; 0: there is none.' }),
    functions: Type.Record(
      Type.String(named),
      Type.Object(
        {
          packageDigest: Type.String({ pattern: '^[0-9a-f]{64}$|^$' }),
          version: Type.Integer({ minimum: 0 }),
        },
        strict,
      ),
      { ...strict, maxProperties: 1000 },
    ),
    networks: Type.Array(Type.String(named), { maxItems: 1000 }),
  },
  strict,
);

interface ByName {
  readonly Params: { readonly name: string };
}

/** What folders of definitions have made, `/v1/stacks/<name>`. */
export function stackRoutes(app: FastifyInstance, { stacks }: StackRoutesOptions): void {
  acceptJson(app);

  app.get<ByName>('/v1/stacks/:name', { config: forNamed('read') }, ({ params: { name } }) => {
    const record = stacks.get(name);
    if (record) return record;
    throw new HostError(
      'not_found',
      'stacks.unknown',
      `There is no stack "${name.slice(0, 80)}": "hearth apply" makes one.`,
    );
  });

  app.put<ByName & { Body: Static<typeof stackSchema> }>(
    '/v1/stacks/:name',
    {
      config: forNamed('deploy'),
      schema: { params: Type.Object({ name: Type.String(named) }), body: stackSchema },
    },
    async ({ params: { name }, body: { revision, ...made }, principal }) => {
      for (const functionName of Object.keys(made.functions)) {
        requireRight(principal, 'deploy', functionName);
        requireUnclaimed(stacks, functionName, name);
      }
      const appliedAt = new Date().toISOString();
      const record: StackRecord = { name, revision: revision + 1, ...made, appliedAt };
      await stacks.put(record);
      return record;
    },
  );
}

/** Two folders that both make a function would take it from each other for ever. */
function requireUnclaimed(
  stacks: StackRoutesOptions['stacks'],
  functionName: string,
  stack: string,
): void {
  const other = stacks
    .list()
    .find(({ name, functions }) => name !== stack && Object.hasOwn(functions, functionName));
  if (!other) return;
  throw new HostError(
    'conflict',
    'stacks.claimed',
    `The function "${functionName}" belongs to the stack "${other.name}": take it out of one of them.`,
  );
}
