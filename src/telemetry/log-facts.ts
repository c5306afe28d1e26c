import type { Fact, FactListener } from '../domain/facts.ts';
import type { Logger } from '../domain/logger.ts';

/** A listener that writes facts into the host log: one wide line an invocation. */
export function logFacts(logger: Logger): FactListener {
  return (fact) => {
    const words = wording[fact.type];
    if (words) logger[words.level](flat(fact), words.message);
  };
}

const wording: Readonly<
  Record<
    Fact['type'],
    { readonly level: 'debug' | 'info' | 'warn'; readonly message: string } | undefined
  >
> = {
  'sandbox.created': { level: 'debug', message: 'A sandbox was created.' },
  'sandbox.destroyed': { level: 'debug', message: 'A sandbox was destroyed.' },
  'sandbox.frozen': { level: 'debug', message: 'A sandbox was frozen.' },
  'sandbox.thawed': { level: 'debug', message: 'A sandbox was thawed.' },
  'sandbox.leftovers_removed': {
    level: 'warn',
    message: 'What an earlier run had left behind was removed.',
  },
  'invocation.completed': { level: 'info', message: 'An invocation completed.' },
  'http.answered': undefined, // the worker's line on the invocation says it all
  'policy.denied': { level: 'info', message: 'A function was refused a connection.' },
  'usage.measured': undefined, // metrics and the ledger have the sums
  'image.pulled': { level: 'info', message: 'An image was pulled.' },
  'function.deployed': { level: 'info', message: 'A function was deployed.' },
  'audit.request': { level: 'debug', message: 'A route that needs a key was used.' },
  'function.traffic_changed': { level: 'info', message: 'The traffic of a function changed.' },
  'function.canary_moved': { level: 'info', message: 'A canary moved.' },
  'function.removed': { level: 'info', message: 'A function was removed.' },
  'node.joined': { level: 'info', message: 'A node joined.' },
  'node.left': { level: 'info', message: 'A node left.' },
  'node.lost': { level: 'warn', message: 'A node was lost.' },
  'event.dropped': { level: 'warn', message: 'An event queue is full: facts were not told by it.' },
  'facts.lost': { level: 'warn', message: 'Facts did not reach the stream of the cluster.' },
};

/** No nesting, so that every fact of a line can be searched for: `runMs`, not `timings.run`. */
function flat({ type, data }: Fact): object {
  if (!('timings' in data)) return { fact: type, ...data };
  const { timings, steps = {}, trace, ...others } = data;
  const rest = trace ? { ...others, traceId: trace.traceId } : others;
  return { fact: type, ...rest, ...inMs(timings), ...inMs(steps) };
}

const inMs = (times: object): object =>
  Object.fromEntries(Object.entries(times).map(([name, ms]) => [`${name}Ms`, ms as number]));
