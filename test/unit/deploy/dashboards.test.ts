import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { PrometheusPage } from '../../../src/telemetry/metrics/prometheus-page.ts';
import { MemoryEventQueueControl } from '../../support/memory-event-queue-control.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const deployed = (path: string) =>
  readFile(new URL(`../../../deploy/${path}`, import.meta.url), 'utf8');

/** Names of metrics, without what a histogram appends; those that rules record have colons. */
function metricsIn(text: string): Set<string> {
  const names = text.match(/(?<!:)\b(?:hearth|nodejs)_[a-z0-9_]+/g) ?? [];
  return new Set(names.map((name) => name.replace(/_(?:bucket|sum|count)$/, '')));
}

async function metricsThatExist(): Promise<Set<string>> {
  const page = new PrometheusPage({
    nodes: { live: () => [] },
    sandboxes: { list: async () => ({ sandboxes: [], silentNodes: [] }) },
    functions: { list: () => [] },
    eventQueues: new MemoryEventQueueControl(),
    logger: silentLogger,
  });
  const types = (await page.render()).matchAll(/^# TYPE (\S+) (\S+)/gm);
  return new Set(
    [...types].map(([, name = '', kind]) => (kind === 'counter' ? `${name}_total` : name)),
  );
}

test.each(['grafana/hearth.json', 'prometheus/hearth.rules.yml'])(
  'every metric that %s names is there',
  async (path) => {
    const named = metricsIn(await deployed(path));
    expect(named.size).toBeGreaterThan(4);
    const there = await metricsThatExist();
    expect([...named].filter((name) => !there.has(name))).toEqual([]);
  },
);

test('the dashboard has an expression in each of its panels', async () => {
  const { panels } = JSON.parse(await deployed('grafana/hearth.json')) as {
    readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
  };
  for (const { targets } of panels) {
    expect(targets.length).toBeGreaterThan(0);
    expect(targets.every(({ expr }) => expr !== '')).toBe(true);
  }
});
