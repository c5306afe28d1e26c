import { expect, test } from 'vitest';
import type { Fact } from '../../../src/domain/facts.ts';
import { FactBus } from '../../../src/events/fact-bus.ts';
import { ResourceMeter } from '../../../src/telemetry/usage/resource-meter.ts';

test('what sandboxes used is told once, summed up by function, the rest at the stop', async () => {
  const bus = new FactBus();
  const told: Fact['data'][] = [];
  bus.subscribe(({ data }) => told.push(data));
  const meter = new ResourceMeter(bus);
  let counters = 3;
  meter.collectFrom(() => {
    if (counters > 0) meter.add('hello', { cpuMs: counters });
    counters = 0;
  });
  await meter.start();
  meter.add('hello', { cpuMs: 1 });
  meter.add('world', { cpuMs: 2, egressBytes: 100 });
  meter.add('world', { egressBytes: 50 });
  meter.tell();
  meter.add('world', { cpuMs: 4 });
  await meter.stop();
  expect(told).toEqual([
    { functionName: 'hello', cpuMs: 4, egressBytes: 0 },
    { functionName: 'world', cpuMs: 2, egressBytes: 150 },
    { functionName: 'world', cpuMs: 4, egressBytes: 0 },
  ]);
});
