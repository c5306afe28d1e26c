import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HostError } from '../../src/domain/errors.ts';
import { RunningGateway, withKey } from '../support/running-gateway.ts';

let running: RunningGateway;
beforeEach(async () => {
  running = await RunningGateway.start();
  const gibibyte = 1024 ** 3;
  running.nodes = ['node-1', 'node-2'].map((id) => ({
    id,
    hostname: id,
    memoryBytes: gibibyte,
    startedAt: '',
  }));
  await running.addFunction('hello');
});
afterEach(() => running[Symbol.asyncDispose]());

const refused = (reason: string) => new HostError('unavailable', reason, 'Not here.');
const nodesAsked = () => running.worker.invocations.map(({ node }) => node);

describe('an invocation', () => {
  it('that a full node sends away goes to the next', async () => {
    running.worker.script = (one) =>
      running.worker.invocations.length === 1
        ? one.end(refused('pool.exhausted'))
        : one.answer('ok');
    expect(await running.send('GET', '/fn/hello')).toMatchObject({ status: 200, text: 'ok' });
    expect(nodesAsked().toSorted()).toEqual(['node-1', 'node-2']);
    const [first, second] = running.worker.invocations;
    expect(second?.item).toEqual(first?.item); // with the same deadline
  });

  it('that all nodes send away fails as the last of them said', async () => {
    running.worker.script = (one) => one.end(refused('pool.exhausted'));
    const answer = await running.send('GET', '/fn/hello');
    expect(answer.headers['x-hearth-error']).toBe('pool.exhausted');
    expect(nodesAsked()).toHaveLength(2);
  });

  it('that may have begun goes to no other node', async () => {
    running.worker.script = (one) => one.end(refused('worker.lost'));
    const answer = await running.send('GET', '/fn/hello');
    expect(answer.headers['x-hearth-error']).toBe('worker.lost');
    expect(nodesAsked()).toHaveLength(1);
  });

  it('that lies in the lane of a lost node goes to another, and what was taken is given up', async () => {
    const { worker } = running;
    worker.script = () => {};
    const answers = [running.send('GET', '/fn/hello'), running.send('GET', '/fn/hello')];
    await vi.waitFor(() => expect(worker.invocations).toHaveLength(2));
    const [waiting, taken] = worker.invocations;
    const { node } = waiting!;
    worker.withdrawable.push(waiting!.item.id);
    worker.script = (one) => one.answer(`from ${one.node}`);
    worker.watcher?.onLost(node);
    await vi.waitFor(() => expect(worker.givenUp).toHaveLength(1));
    const ids = taken!.node === node ? [taken!.item.id] : [];
    expect(worker.givenUp).toEqual([{ node, ids }]);
    const other = node === 'node-1' ? 'node-2' : 'node-1';
    const first = await Promise.race(answers);
    expect(first).toMatchObject({ status: 200, text: `from ${other}` });
    taken!.end(refused('worker.lost'));
    const ends = await Promise.all(answers);
    expect(new Set(ends.map(({ status }) => status))).toEqual(new Set([200, 503]));
    expect(worker.invocations).toHaveLength(3);
  });

  it('that is sent to the only node once more is not given up with what that node had taken', async () => {
    const { worker } = running;
    running.nodes = running.nodes.slice(0, 1);
    worker.script = () => {};
    const answer = running.send('GET', '/fn/hello');
    await vi.waitFor(() => expect(worker.invocations).toHaveLength(1));
    const { node, item } = worker.last;
    worker.withdrawable.push(item.id);
    worker.script = (one) => one.answer('it was back in a moment');
    worker.watcher?.onLost(node);
    expect(await answer).toMatchObject({ status: 200, text: 'it was back in a moment' });
    await vi.waitFor(() => expect(worker.givenUp).toEqual([{ node, ids: [] }]));
  });

  it('avoids a node whose connection broke, until it is back', async () => {
    await running.send('GET', '/fn/hello');
    const { node, item } = running.worker.last;
    running.worker.watcher?.onLost(node);
    await running.send('GET', '/fn/hello');
    expect(running.worker.last.node).not.toBe(node);
    running.worker.watcher?.onConnected(node);
    await running.send('GET', '/fn/hello');
    expect(running.worker.last).toMatchObject({ node, item: { functionName: item.functionName } });
  });
});

describe('the routes of nodes', () => {
  it('show them, cordon one by its hostname, and let it work again', async () => {
    const list = async () =>
      JSON.parse((await running.send('GET', '/v1/nodes', { headers: withKey })).text);
    expect(await list()).toMatchObject({
      nodes: [
        { id: 'node-1', state: 'ready' },
        { id: 'node-2', state: 'ready' },
      ],
    });
    const cordon = '/v1/nodes/node-2/cordon';
    expect(await running.send('PUT', cordon, { headers: withKey })).toMatchObject({ status: 200 });
    expect(await list()).toMatchObject({ nodes: [{ state: 'ready' }, { state: 'cordoned' }] });
    await running.send('DELETE', cordon, { headers: withKey });
    expect(await list()).toMatchObject({ nodes: [{ state: 'ready' }, { state: 'ready' }] });
  });

  it('forget a node only when it is away', async () => {
    await running.send('PUT', '/v1/nodes/node-2/cordon', { headers: withKey });
    expect(await running.send('DELETE', '/v1/nodes/node-2', { headers: withKey })).toMatchObject({
      status: 409,
    });
    running.nodes = running.nodes.slice(0, 1);
    expect(
      JSON.parse((await running.send('GET', '/v1/nodes/node-2', { headers: withKey })).text),
    ).toEqual({
      id: 'node-2',
      hostname: 'node-2',
      state: 'away',
    });
    expect(await running.send('DELETE', '/v1/nodes/node-2', { headers: withKey })).toMatchObject({
      status: 204,
    });
    expect(await running.send('GET', '/v1/nodes/node-2', { headers: withKey })).toMatchObject({
      status: 404,
    });
  });

  it('want a key', async () => {
    expect(await running.send('PUT', '/v1/nodes/node-2/cordon')).toMatchObject({ status: 401 });
  });
});
