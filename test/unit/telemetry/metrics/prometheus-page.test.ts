import { describe, expect, test, vi } from 'vitest';
import type { EventQueueControl } from '../../../../src/domain/event-queue-control.ts';
import type { Fact, Facts, FactType, StreamedFact } from '../../../../src/domain/facts.ts';
import type { SandboxCensus, SandboxView } from '../../../../src/domain/sandbox-view.ts';
import { CappedLabels } from '../../../../src/telemetry/metrics/capped-labels.ts';
import { PrometheusPage } from '../../../../src/telemetry/metrics/prometheus-page.ts';
import { MemoryEventQueueControl } from '../../../support/memory-event-queue-control.ts';
import { silentLogger } from '../../../support/silent-logger.ts';

function streamed<T extends FactType>(type: T, data: Facts[T]): StreamedFact {
  return { id: '1-1.0', source: 'worker/one', fact: { type, timeMs: 0, data } } as StreamedFact;
}

const completed = (outcome: 'ok' | 'timeout'): StreamedFact =>
  streamed('invocation.completed', {
    invocationId: 'an-id',
    acceptedMs: 0,
    functionName: 'hello',
    version: 'sha256:00',
    outcome,
    start: 'warm',
    timings: { queue: 1, run: 40 },
  });

const node = { id: 'node-1', hostname: 'one', memoryBytes: 4096, startedAt: '' };

const newPage = (
  list: () => Promise<SandboxCensus> = async () => census(),
  queues: Pick<EventQueueControl, 'states'> = new MemoryEventQueueControl(),
): PrometheusPage =>
  new PrometheusPage({
    nodes: { live: () => [node] },
    sandboxes: { list },
    functions: { list: () => [{ name: 'hello' }] },
    eventQueues: queues,
    logger: silentLogger,
  });

function census(...sandboxes: Partial<SandboxView>[]): SandboxCensus {
  const stats = { memoryBytes: 100, pids: 7 };
  return {
    silentNodes: [],
    sandboxes: sandboxes.map((sandbox) => ({ ...sandbox, stats })) as unknown as SandboxView[],
  };
}

describe('the metrics page', () => {
  test('counts invocations by function, outcome and start, and how long they took', async () => {
    const metrics = newPage();
    for (const fact of [completed('ok'), completed('ok'), completed('timeout')]) {
      metrics.count(fact);
    }
    const page = await metrics.render();
    const labels = 'function="hello",outcome="ok",start="warm"';
    expect(page).toContain(`hearth_invocations_total{${labels}} 2`);
    expect(page).toContain('hearth_invocation_duration_seconds_count{function="hello"} 3');
    expect(page).toContain(
      'hearth_invocation_duration_seconds_bucket{le="0.05",function="hello"} 3',
    );
    expect(page).toContain('hearth_invocation_phase_seconds_bucket{le="0.001",phase="queue"} 3');
  });

  test('counts sandboxes made and destroyed, and facts that were lost where they were', async () => {
    const metrics = newPage();
    const sandbox = { sandboxId: 's', functionName: 'hello', version: 'sha256:00' } as const;
    metrics.count(
      streamed('sandbox.created', {
        ...sandbox,
        start: 'stem',
        steps: { create: 20, boot: 30 },
        createMs: 1,
        initMs: 2,
      }),
    );
    metrics.count(streamed('sandbox.destroyed', { ...sandbox, reason: 'idle', invocations: 1 }));
    metrics.count(streamed('facts.lost', { count: 7 }));
    metrics.count(
      streamed('usage.measured', { functionName: 'hello', cpuMs: 1_500, egressBytes: 9 }),
    );
    const page = await metrics.render();
    expect(page).toContain('hearth_sandboxes_created_total{function="hello",start="stem"} 1');
    expect(page).toContain('hearth_sandbox_creation_step_seconds_sum{step="boot"} 0.03');
    expect(page).toContain('hearth_sandboxes_destroyed_total{reason="idle"} 1');
    expect(page).toContain('hearth_function_cpu_seconds_total{function="hello"} 1.5');
    expect(page).toContain('hearth_function_egress_bytes_total{function="hello"} 9');
    expect(page).toContain('hearth_facts_lost_total{source="worker/one"} 7');
  });

  test('tells what there is when it is asked for, and nothing of what there was', async () => {
    const looks = [
      census(
        { functionName: 'hello', state: 'busy' },
        { functionName: 'hello', state: 'frozen' },
        { state: 'starting' },
      ),
      census(),
    ];
    const metrics = newPage(async () => looks.shift() ?? census());
    const page = await metrics.render();
    expect(page).toContain('hearth_nodes 1');
    expect(page).toContain('hearth_node_sandbox_memory_bytes{node="node-1"} 4096');
    expect(page).toContain('hearth_sandboxes{state="starting"} 1');
    expect(page).toContain('hearth_function_memory_bytes{function="hello"} 200');
    expect(page).toContain('hearth_function_processes{function="hello"} 14');
    expect(await metrics.render()).not.toContain('hearth_sandboxes{');
  });

  test('tells how event queues stand, and how long the oldest has been there', async () => {
    const state = { functionName: 'hello', isPaused: false, queued: 4, running: 1, deadLetters: 2 };
    const states = vi.fn<EventQueueControl['states']>();
    states.mockResolvedValueOnce([{ ...state, oldestMs: Date.now() - 90_000 }]);
    states.mockRejectedValueOnce(new Error('Redis is away'));
    const metrics = newPage(undefined, { states });
    const page = await metrics.render();
    const label = 'function="hello"';
    expect(page).toContain(`hearth_event_queue_invocations{${label},state="queued"} 4`);
    expect(page).toContain(`hearth_event_queue_invocations{${label},state="dead_letter"} 2`);
    expect(page).toMatch(/hearth_event_queue_oldest_seconds\{function="hello"\} 9\d/);
    expect(await metrics.render()).not.toContain('hearth_event_queue_invocations{');
  });

  test('counts what was refused: by this gateway, at a node, and of the network', async () => {
    const metrics = newPage();
    const answered = { invocationId: 'an-id', functionName: 'hello', method: 'GET', route: '/fn' };
    const times = { receivedMs: 0, durationMs: 1 };
    const answer = { ...answered, ...times, status: 429, reason: 'quota.rate' };
    metrics.countOwn({ type: 'http.answered', timeMs: 0, data: answer });
    metrics.countOwn({
      type: 'http.answered',
      timeMs: 0,
      data: { ...answered, ...times, status: 500 },
    });
    const { data } = completed('ok').fact as Extract<
      Fact,
      { readonly type: 'invocation.completed' }
    >;
    const refused = { outcome: 'host_error', reason: 'pool.exhausted' } as const;
    metrics.count(streamed('invocation.completed', { ...data, ...refused }));
    const target = { functionName: 'hello', target: '10.0.0.1', port: 80 };
    for (const protocol of ['tcp', '99', '98']) {
      metrics.count(streamed('policy.denied', { ...target, protocol }));
    }
    const page = await metrics.render();
    expect(page).toContain('hearth_http_refusals_total{code="429",reason="quota.rate"} 1');
    expect(page).not.toContain('hearth_http_refusals_total{code="500"');
    expect(page).toContain(
      'hearth_invocations_refused_total{function="hello",reason="pool.exhausted"} 1',
    );
    expect(page).toContain('hearth_network_denials_total{function="hello",protocol="tcp"} 1');
    expect(page).toContain('hearth_network_denials_total{function="hello",protocol="other"} 2');
  });

  test('counts pulls of images, and what of them was there already', async () => {
    const metrics = newPage();
    metrics.count(
      streamed('image.pulled', {
        reference: 'docker.io/library/alpine:3',
        digest: 'sha256:00',
        fetched: { count: 1, bytes: 500 },
        kept: { count: 3, bytes: 7000 },
        durationMs: 250,
      }),
    );
    const page = await metrics.render();
    expect(page).toContain('hearth_image_pull_seconds_sum 0.25');
    expect(page).toContain('hearth_image_blobs_total{how="kept"} 3');
    expect(page).toContain('hearth_image_bytes_total{how="fetched"} 500');
  });

  test('is there without the nodes', async () => {
    const metrics = newPage(() => Promise.reject(new Error('Redis is away')));
    metrics.count(completed('ok'));
    expect(await metrics.render()).toContain('hearth_invocations_total{');
  });

  test('is OpenMetrics: a type for it, and an end', async () => {
    const metrics = newPage();
    expect(metrics.contentType).toContain('application/openmetrics-text');
    expect((await metrics.render()).trimEnd().endsWith('# EOF')).toBe(true);
  });
});

test('a label keeps its first values, and counts all further ones as one', () => {
  const labels = new CappedLabels(2);
  expect(['a', 'b', 'c', 'a', 'd'].map((value) => labels.of(value))).toEqual([
    'a',
    'b',
    'other',
    'a',
    'other',
  ]);
});
