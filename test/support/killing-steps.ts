import type { Container, ContainerEngine } from '../../src/domain/container-engine.ts';
import type { Decorations } from './runtime-core.ts';

/** Between which steps of a sandbox's life its worker is killed. */
export const killingSteps = [
  'user ids',
  'scratch disk',
  'network namespace',
  'root mount',
  'cgroup',
  'bundle',
  'start',
  'run',
  'freeze',
  'kill',
  'delete',
] as const;
export type KillingStep = (typeof killingSteps)[number];

/** Parts that behave as the real ones do, until the step is done: then nothing more is done. */
export function killedAfter(step: KillingStep): Decorations {
  const after = <T>(done: KillingStep, result: T): T => {
    if (done === step) die();
    return result;
  };
  return {
    idRanges: (real) => ({ lease: () => after('user ids', real.lease()) }),
    scratchDisks: (real) => ({
      make: async (...order) => after('scratch disk', await real.make(...order)),
    }),
    network: (real) => ({ lease: async () => after('network namespace', await real.lease()) }),
    roots: (real) => ({
      lease: (...order) => after('root mount', real.lease(...order)),
    }),
    cgroups: (real) =>
      new Proxy(real, {
        get: (target, key) => {
          const value: unknown = Reflect.get(target, key);
          if (typeof value !== 'function') return value;
          const call = (...args: unknown[]): unknown => Reflect.apply(value, target, args);
          return key === 'create' ? (...args: unknown[]) => after('cgroup', call(...args)) : call;
        },
      }),
    engine: (real) => killingEngine(real, after),
  };
}

function killingEngine(
  real: ContainerEngine,
  after: <T>(step: KillingStep, result: T) => T,
): ContainerEngine {
  const wrap = (container: Container): Container =>
    new Proxy(container, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function') return value;
        const call = (...args: unknown[]): unknown => Reflect.apply(value, target, args);
        if (key === 'start') return () => after('start', call());
        if (key === 'pause') return () => after('freeze', call());
        if (key === 'kill') return async () => after('kill', await call());
        if (key === 'delete') return async () => after('delete', await call());
        return call;
      },
    });
  return {
    create: async (order) => wrap(after('bundle', await real.create(order))),
    list: () => real.list(),
    remove: (id) => real.remove(id),
  };
}

/** SIGKILL comes before the next instruction. */
export function die(): void {
  process.kill(process.pid, 'SIGKILL');
}
