import { describe, expect, it } from 'vitest';
import type { FunctionSpec } from '../../../src/domain/function.ts';
import type { NodeInfo } from '../../../src/domain/node.ts';
import { nodesThatFit } from '../../../src/orchestration/constraints-policy.ts';
import { requireLabels } from '../../../src/orchestration/required-labels.ts';
import { specOf } from '../../support/function-records.ts';

const node = (id: string, others: Partial<NodeInfo> = {}): NodeInfo => ({
  id,
  hostname: id,
  memoryBytes: 1,
  startedAt: '',
  ...others,
});
const nodes = [
  node('plain'),
  node('fast', { labels: { disk: 'ssd', zone: 'a' } }),
  node('safe', { labels: { zone: 'a' }, runtimeClasses: ['gvisor'] }),
];
const cordoned = new Set<string>();
const cluster = {
  volume: (name: string) => (name === 'notes' ? { node: 'fast' } : undefined),
  node: (id: string) => ({ isCordoned: cordoned.has(id) }),
};
const fitting = (overrides: Partial<FunctionSpec>) =>
  nodesThatFit(specOf('hello', overrides), nodes, cluster).map(({ id }) => id);

describe('the nodes on which a function may run', () => {
  it.each<[string, Partial<FunctionSpec>, string[]]>([
    ['all, where it asks for nothing', {}, ['plain', 'fast', 'safe']],
    ['those with all of its labels', { placement: { labels: { zone: 'a' } } }, ['fast', 'safe']],
    ['none with another value', { placement: { labels: { zone: 'b' } } }, []],
    ['those with its runtime class', { runtimeClass: 'gvisor' }, ['safe']],
    [
      'that with its volume',
      { volumes: [{ name: 'notes', mount: '/data', readOnly: false, access: 'shared' }] },
      ['fast'],
    ],
  ])('are %s', (_what, overrides, ids) => expect(fitting(overrides)).toEqual(ids));

  it('are not those that are cordoned', () => {
    cordoned.add('fast');
    expect(fitting({ placement: { labels: { zone: 'a' } } })).toEqual(['safe']);
  });
});

describe('a deploy', () => {
  it('is refused where no node has the labels, with what to do', () => {
    const deploy = () =>
      requireLabels(specOf('f', { placement: { labels: { gpu: 'yes' } } }), nodes);
    expect(deploy).toThrow('gpu=yes, and none has them. An operator gives a node labels in');
    requireLabels(specOf('f', { placement: { labels: { disk: 'ssd' } } }), nodes);
  });
});
