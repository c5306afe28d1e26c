import type { FastifyInstance } from 'fastify';
import { HostError } from '../domain/errors.ts';
import { can, everything, type Principal } from '../domain/principal.ts';
import type { SandboxDirectory, SandboxView } from '../domain/sandbox-view.ts';
import { forSome } from './route-access.ts';

export interface SandboxRoutesOptions {
  readonly sandboxes: SandboxDirectory;
}

interface ById {
  readonly Params: { readonly id: string };
}

/** What runs now, on every node: `/v1/sandboxes…`. A key sees those of functions it may read. */
export function sandboxRoutes(app: FastifyInstance, { sandboxes }: SandboxRoutesOptions): void {
  app.get('/v1/sandboxes', { config: forSome('read') }, async ({ principal }) => {
    const { sandboxes: found, silentNodes } = await sandboxes.list();
    return { sandboxes: found.filter(isFor(principal)).toSorted(byFunction), silentNodes };
  });

  app.get<ById>('/v1/sandboxes/:id', { config: forSome('read') }, ({ params, principal }) =>
    find(sandboxes, params.id, principal),
  );
}

async function find(directory: SandboxDirectory, id: string, who: Principal): Promise<SandboxView> {
  const [sandbox, another] = (await directory.list(id)).sandboxes.filter(isFor(who));
  if (!sandbox) throw noSandbox(id);
  if (another) throw ambiguous(id);
  return sandbox;
}

/** A stem is the host's. */
const isFor =
  (who: Principal) =>
  ({ functionName = everything }: SandboxView): boolean =>
    can(who, 'read', functionName);

/** Functions by name, stems last; then the oldest first. */
function byFunction(a: SandboxView, b: SandboxView): number {
  return sortKey(a) < sortKey(b) ? -1 : 1;
}

const sortKey = ({ functionName = '~', createdAt }: SandboxView): string =>
  `${functionName} ${createdAt}`;

const noSandbox = (id: string): HostError =>
  new HostError('not_found', 'gateway.no_sandbox', `No sandbox "${id.slice(0, 80)}" is alive.`);

const ambiguous = (id: string): HostError =>
  new HostError(
    'invalid',
    'gateway.ambiguous_sandbox',
    `The ids of several sandboxes begin with "${id.slice(0, 80)}": give more of it.`,
  );
