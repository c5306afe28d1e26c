import { Counter, type Registry } from 'prom-client';
import { CappedLabels } from './capped-labels.ts';
import type { FactCounters } from './fact-counters.ts';

/** Reasons are words of our own code; should one ever have a name in it, its like are `other`. */
const reasonsCounted = 200;

/** What functions were refused, and what was refused them, in the whole cluster. */
export function refusalCounters(registry: Registry, functions: CappedLabels): FactCounters {
  const registers = [registry];
  const reasons = new CappedLabels(reasonsCounted);
  const refused = new Counter({
    name: 'hearth_invocations_refused_total',
    help: 'Invocations that the host could not run, by reason, such as pool.too_many_waiters.',
    labelNames: ['function', 'reason'] as const,
    registers,
  });
  const denials = new Counter({
    name: 'hearth_network_denials_total',
    help: 'Connections that a function was refused: a target once in two seconds, 100 a node at most.',
    labelNames: ['function', 'protocol'] as const,
    registers,
  });
  return {
    'invocation.completed': ({ functionName, outcome, reason = 'unknown' }) => {
      if (outcome !== 'host_error') return;
      refused.inc({ function: functions.of(functionName), reason: reasons.of(reason) });
    },
    'policy.denied': ({ functionName, protocol }) =>
      denials.inc({ function: functions.of(functionName), protocol: protocolOf(protocol) }),
  };
}

/** A function may send packets of any of 256 protocols. */
const protocolOf = (protocol: string): string =>
  ['tcp', 'udp', 'icmp', 'icmp6', 'dns'].includes(protocol) ? protocol : 'other';

/** The admission of this gateway alone. */
export function admissionCounters(registry: Registry): FactCounters {
  const reasons = new CappedLabels(reasonsCounted);
  const refusals = new Counter({
    name: 'hearth_http_refusals_total',
    help: "Answers of this gateway that are an error of the host's, by reason, such as quota.rate.",
    labelNames: ['code', 'reason'] as const,
    registers: [registry],
  });
  return {
    'http.answered': ({ status, reason }) => {
      if (reason !== undefined) refusals.inc({ code: status, reason: reasons.of(reason) });
    },
  };
}
