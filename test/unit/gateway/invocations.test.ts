import { expect, test, vi } from 'vitest';
import { liveVersion } from '../../../src/domain/function.ts';
import type { InvocationAnswer } from '../../../src/gateway/invocation-answer.ts';
import { Invocations, type InvocationsOptions } from '../../../src/gateway/invocations.ts';
import { recordOf, specOf } from '../../support/function-records.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const broken = () => {
  throw new Error('broken');
};
const enqueue = async (): Promise<void> => {};
const pending = { grant: () => {}, cancel: () => {} };
const expectReply = () => pending;

test.each([
  ['cannot be expected', broken, enqueue],
  ['cannot be sent', expectReply, broken],
  ['is not taken by the lane', expectReply, async () => broken()],
])('one that %s is not under way', async (_what, expectOne, enqueueOne) => {
  const underWay: number[] = [];
  const options: InvocationsOptions = {
    nodes: { live: () => [] },
    place: (_spec, _nodes, inFlight) => {
      underWay.push(inFlight('node-1').count);
      return 'node-1';
    },
    lane: { enqueue: enqueueOne, withdraw: async () => [] },
    replies: { address: '', expect: expectOne, giveUp: () => {}, watch: () => {} },
    logger: silentLogger,
  };
  const invocations = new Invocations(options);
  // Its caller has left: it cancels nothing.
  const answer = { follow: () => {}, fail: vi.fn<InvocationAnswer['fail']>() };
  const start = async () => {
    invocations.start(
      {
        id: '00000000-0000-4000-8000-000000000000',
        version: liveVersion(recordOf(specOf('hello'))),
        head: { trigger: 'http', method: 'GET', url: '/', headers: [], sourceIp: '127.0.0.1' },
        caller: undefined,
        body: Buffer.alloc(0),
        trace: undefined,
      },
      answer as unknown as InvocationAnswer,
    );
    await Promise.resolve();
  };
  await start();
  await vi.waitFor(() => expect(answer.fail).toHaveBeenCalledOnce());
  await start();
  expect(underWay).toEqual([0, 0]);
});
