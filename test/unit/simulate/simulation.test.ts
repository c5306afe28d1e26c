import { describe, expect, it } from 'vitest';
import { Simulation } from '../../simulate/simulation.ts';
import { callsWithin, makeFunctions, nextCall } from '../../simulate/workload.ts';
import { seeded } from '../../support/seeded-random.ts';

const gibibyte = 1024 ** 3;
const simulate = (keepWarm: 'auto' | 'fixed', nodeBytes = 16 * gibibyte) =>
  new Simulation({
    functions: makeFunctions(300, seeded(1)),
    nodes: 3,
    nodeBytes,
    minutes: 6 * 60,
    placement: 'hearth',
    keepWarm,
    max: 50,
    random: seeded(2),
  }).run();

describe('the simulated traffic', () => {
  const functions = makeFunctions(20_000, seeded(1));
  const rates = functions.map(({ callsPerMinute }) => callsPerMinute);
  const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);

  it('has the published shape: few functions make nearly all calls', () => {
    const frequent = rates.filter((rate) => rate > 1);
    expect(frequent.length / rates.length).toBeCloseTo(0.19, 2);
    expect(sum(frequent) / sum(rates)).toBeCloseTo(0.996, 2);
    expect(rates.filter((rate) => rate <= 1 / 60).length / rates.length).toBeCloseTo(0.45, 2);
    expect(Math.max(...rates) / Math.min(...rates)).toBeGreaterThan(5e7);
  });

  it('calls each function as often as it says', () => {
    const random = seeded(3);
    const often = { ...functions[0]!, callsPerMinute: 30, pattern: 'chance' } as const;
    const day = Array.from({ length: 1440 }, (_, minute) =>
      callsWithin(often, minute * 60_000, random),
    );
    expect(sum(day) / 1440).toBeCloseTo(30, 0);
    for (const pattern of ['timer', 'bursts', 'chance'] as const) {
      const seldom = { ...often, callsPerMinute: 0.5, pattern };
      let nowMs = 0;
      for (let call = 0; call < 20_000; call += 1) nowMs = nextCall(seldom, nowMs, random);
      expect(20_000 / (nowMs / 60_000)).toBeGreaterThan(0.4);
      expect(20_000 / (nowMs / 60_000)).toBeLessThan(0.6);
    }
  });
});

describe('a simulation', () => {
  it('gives the same figures for the same seed', () => {
    expect(simulate('auto')).toEqual(simulate('auto'));
  });

  it('has fewer cold starts where the policy learns than with ten minutes fixed', () => {
    const [auto, fixed] = [simulate('auto'), simulate('fixed')];
    expect(auto.coldStarts).toBeLessThanOrEqual(fixed.coldStarts);
    expect(auto.coldShareP75).toBeLessThanOrEqual(fixed.coldShareP75);
    expect(auto.calls / fixed.calls).toBeCloseTo(1, 1);
  });

  it('evicts and refuses where memory is scarce, and not where it is not', () => {
    expect(simulate('auto', 1024 * gibibyte)).toMatchObject({ evictions: 0, refused: 0 });
    const scarce = simulate('auto', 4 * gibibyte);
    expect(scarce.evictions).toBeGreaterThan(0);
    expect(scarce.coldStarts).toBeGreaterThan(simulate('auto').coldStarts);
  });
});
