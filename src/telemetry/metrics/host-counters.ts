import { Counter, Histogram, type Registry } from 'prom-client';
import type { CappedLabels } from './capped-labels.ts';
import { durationBuckets, seconds, type FactCounters } from './fact-counters.ts';

/** What the host does for its functions: sandboxes that come and go, deploys, facts that are lost. */
export function hostCounters(registry: Registry, functions: CappedLabels): FactCounters {
  const registers = [registry];
  const created = new Counter({
    name: 'hearth_sandboxes_created_total',
    help: 'Sandboxes made, from a stem or from nothing.',
    labelNames: ['function', 'start'] as const,
    registers,
  });
  const creation = new Histogram({
    name: 'hearth_sandbox_creation_seconds',
    help: 'What making a sandbox took, by phase: create, then init.',
    labelNames: ['start', 'phase'] as const,
    buckets: durationBuckets,
    registers,
  });
  const steps = new Histogram({
    name: 'hearth_sandbox_creation_step_seconds',
    help: 'Parts of the phase create: volumes, network, root, create, boot; of a stem specialise.',
    labelNames: ['step'] as const,
    buckets: durationBuckets,
    registers,
  });
  const destroyed = new Counter({
    name: 'hearth_sandboxes_destroyed_total',
    help: 'Sandboxes destroyed, by reason.',
    labelNames: ['reason'] as const,
    registers,
  });
  const cpu = new Counter({
    name: 'hearth_function_cpu_seconds_total',
    help: "Processor time of all that ran in a function's sandboxes, told every ten seconds.",
    labelNames: ['function'] as const,
    registers,
  });
  const sent = new Counter({
    name: 'hearth_function_egress_bytes_total',
    help: 'Bytes that functions sent over the network, told every ten seconds.',
    labelNames: ['function'] as const,
    registers,
  });
  const deployments = new Counter({
    name: 'hearth_deployments_total',
    help: 'Versions that were deployed.',
    registers,
  });
  const lost = new Counter({
    name: 'hearth_facts_lost_total',
    help: 'Facts that did not reach the stream of the cluster.',
    labelNames: ['source'] as const,
    registers,
  });
  return {
    'sandbox.created': ({ functionName, start, createMs, initMs, steps: parts }) => {
      created.inc({ function: functions.of(functionName), start });
      creation.observe({ start, phase: 'create' }, seconds(createMs));
      creation.observe({ start, phase: 'init' }, seconds(initMs));
      for (const [step, ms] of Object.entries(parts)) steps.observe({ step }, seconds(ms));
    },
    'sandbox.destroyed': ({ reason }) => destroyed.inc({ reason }),
    'usage.measured': ({ functionName, cpuMs, egressBytes }) => {
      const label = { function: functions.of(functionName) };
      cpu.inc(label, seconds(cpuMs));
      sent.inc(label, egressBytes);
    },
    'function.deployed': () => deployments.inc(),
    'facts.lost': ({ count }, source) => lost.inc({ source }, count),
  };
}
