import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { HostError } from '../../src/domain/errors.ts';
import type { NodeInfo } from '../../src/domain/node.ts';
import type { Service } from '../../src/domain/service.ts';
import { NodeAnswers } from '../../src/orchestration/node-answers.ts';
import { NodeQuestions } from '../../src/orchestration/node-questions.ts';
import { NodeVersions } from '../../src/orchestration/node-versions.ts';
import { digestOf, specOf } from '../support/function-records.ts';
import { startRedis, type RunningRedis } from '../support/redis.ts';
import { silentLogger } from '../support/silent-logger.ts';

const digest = digestOf('a');
const hello = specOf('hello');

let redis: RunningRedis;
let questions: NodeQuestions;
let prefixes = 0;
let options: ConstructorParameters<typeof NodeQuestions>[0];
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

/** A gateway that sees these nodes, whether or not they are there. */
async function gateway(...nodes: readonly string[]): Promise<NodeVersions> {
  prefixes += 1;
  options = {
    redis: { path: redis.socketPath },
    keyPrefix: `test${prefixes}:`,
    logger: silentLogger,
  };
  questions = await start(new NodeQuestions(options));
  const nodesFor = () => nodes.map((id) => ({ id, hostname: `host-${id}` }) as NodeInfo);
  return new NodeVersions({ questions, nodesFor });
}

const node = (name: string, preparation: (question: object) => Promise<object>) =>
  start(
    new NodeAnswers({
      ...options,
      node: name,
      answerers: { sandboxes: () => ({}), collection: () => ({}), preparation },
    }),
  );

const isReady = async () => ({});
const diskIsFull = async () => {
  throw new HostError('unavailable', 'image.disk_full', 'The disk is full.');
};

describe('a version that nodes are to make ready', () => {
  test('is ready when each of them has said so', async () => {
    const versions = await gateway('a', 'b');
    const asked: object[] = [];
    for (const name of ['a', 'b']) {
      await node(name, async (question) => {
        asked.push(question);
        expect(versions.preparing()).toEqual([digest]); // it can be pulled though it is in no record
        return {};
      });
    }
    const told: object[] = [];
    expect(await versions.prepare(hello, digest, (progress) => told.push(progress))).toEqual([]);
    expect(asked).toEqual([{ digest }, { digest }]);
    expect(told).toEqual([0, 1, 2].map((settled) => ({ settled, all: 2 })));
    expect(versions.preparing()).toEqual([]);
  });

  test('is not asked of nodes that may not run it', async () => {
    const versions = await gateway('a');
    await node('a', isReady);
    await node('elsewhere', () => expect.unreachable());
    expect(await versions.prepare(hello, digest)).toEqual([]);
  });

  test('is waited for as long as a node says that it is at it', async () => {
    const versions = await gateway('slow');
    const { promise: unpacked, resolve } = Promise.withResolvers<object>();
    await node('slow', () => unpacked);
    const asked = questions.ask('preparation', {}, ['slow'], { patienceMs: 3_000 });
    const isEarly = await Promise.race([asked.then(() => true), later(4_000)]);
    expect(isEarly).toBe(false);
    resolve({});
    expect((await asked).answers.has('slow')).toBe(true);
    expect(await versions.prepare(hello, digest)).toEqual([]);
  });

  test('names who is dead, and who cannot', async () => {
    const versions = await gateway('good', 'full', 'dead');
    await node('good', isReady);
    await node('full', diskIsFull);
    expect(await versions.prepare(hello, digest)).toEqual([
      { node: 'full', hostname: 'host-full', why: 'The disk is full.' },
      {
        node: 'dead',
        hostname: 'host-dead',
        why: expect.stringContaining('in time') as string,
      },
    ]);
  });

  test('is refused when no node can, and says why of each', async () => {
    const versions = await gateway('full');
    await node('full', diskIsFull);
    await expect(versions.prepare(hello, digest)).rejects.toMatchObject({
      code: 'unavailable',
      reason: 'deploy.no_node',
      message: expect.stringContaining('host-full: The disk is full.') as string,
    });
  });
});

const later = (ms: number): Promise<boolean> =>
  new Promise((resolve) => setTimeout(() => resolve(false), ms));
