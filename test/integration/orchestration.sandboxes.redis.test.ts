import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { SandboxView } from '../../src/domain/sandbox-view.ts';
import type { Service } from '../../src/domain/service.ts';
import { NodeAnswers } from '../../src/orchestration/node-answers.ts';
import { NodeQuestions } from '../../src/orchestration/node-questions.ts';
import {
  askedSandboxDirectory,
  type SandboxQuestion,
} from '../../src/orchestration/sandbox-directory.ts';
import { startRedis, type RunningRedis } from '../support/redis.ts';
import { silentLogger } from '../support/silent-logger.ts';

let redis: RunningRedis;
let prefixes = 0;
const started: Service[] = [];

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
afterEach(async () => {
  for (const service of started.splice(0)) await service.stop(AbortSignal.abort());
});

async function start<S extends Service>(service: S): Promise<S> {
  await service.start(AbortSignal.timeout(30_000));
  started.push(service);
  return service;
}

function cluster() {
  prefixes += 1;
  const options = {
    redis: { path: redis.socketPath },
    keyPrefix: `test${prefixes}:`,
    logger: silentLogger,
  };
  return {
    gateway: async (...live: string[]) =>
      askedSandboxDirectory({
        questions: await start(new NodeQuestions(options)),
        nodes: { live: () => live.map((id) => ({ id }) as never) },
        patienceMs: 3_000,
      }),
    node: (node: string, ...ids: string[]) =>
      start(
        new NodeAnswers({
          ...options,
          node,
          answerers: {
            sandboxes: ({ idPrefix }: SandboxQuestion) => ({
              sandboxes: ids
                .filter((id) => id.startsWith(idPrefix))
                .map((id) => ({ id }) as SandboxView),
            }),
            preparation: () => ({}),
            collection: () => ({}),
          },
        }),
      ),
  };
}

describe('the directory of sandboxes', () => {
  test('asks every node, and says which sandbox is where', async () => {
    const { gateway, node } = cluster();
    await node('a', 'one', 'two');
    await node('b', 'three');
    const { sandboxes, silentNodes } = await (await gateway('a', 'b')).list();
    expect(sandboxes.map(({ id, node }) => `${node} ${id}`).toSorted()).toEqual([
      'a one',
      'a two',
      'b three',
    ]);
    expect(silentNodes).toEqual([]);
  });

  test('finds those whose id begins so', async () => {
    const { gateway, node } = cluster();
    await node('a', 'one', 'two');
    const { sandboxes } = await (await gateway('a')).list('tw');
    expect(sandboxes.map(({ id }) => id)).toEqual(['two']);
  });

  test('names the nodes that did not answer, and gives what the others have', async () => {
    const { gateway, node } = cluster();
    await node('a', 'one');
    const census = await (await gateway('a', 'dead')).list();
    expect(census).toMatchObject({ sandboxes: [{ id: 'one' }], silentNodes: ['dead'] });
  });

  test('serves several gateways, each with its own answers', async () => {
    const { gateway, node } = cluster();
    await node('a', 'one');
    const gateways = [await gateway('a'), await gateway('a')];
    const counts = await Promise.all(gateways.map((directory) => directory.list()));
    expect(counts.map(({ sandboxes }) => sandboxes.length)).toEqual([1, 1]);
  });

  test('is empty without nodes', async () => {
    expect(await (await cluster().gateway()).list()).toEqual({ sandboxes: [], silentNodes: [] });
  });
});
