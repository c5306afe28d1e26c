import { describe, expect, it } from 'vitest';
import type { FunctionSpec } from '../../../src/domain/function.ts';
import type { NodeInfo } from '../../../src/domain/node.ts';
import { requireRuntimeClass } from '../../../src/orchestration/runtime-classes.ts';
import { specOf } from '../../support/function-records.ts';

const node = (...runtimeClasses: string[]): NodeInfo => ({
  id: 'one',
  hostname: 'one',
  memoryBytes: 1,
  startedAt: '',
  runtimeClasses,
});

describe('a runtime class', () => {
  it('is one that some node has', () => {
    const asking = specOf('hello', { runtimeClass: 'kata' });
    expect(() => requireRuntimeClass(asking, [node(), node('kata')])).not.toThrow();
    expect(() => requireRuntimeClass(specOf('hello'), [])).not.toThrow();
  });

  it('that no node has is refused, naming those there are', () => {
    const asking = specOf('hello', { runtimeClass: 'gvisor' });
    expect(() => requireRuntimeClass(asking, [node('kata')])).toThrow(
      /"gvisor", which no node has. They have: kata/,
    );
    expect(() => requireRuntimeClass(asking, [])).toThrow(/They have none/);
  });

  it.each([
    ['"network.egress"', { network: { egress: [] } }],
    ['an image of its own', { image: { channel: 'auto' } }],
  ] as const)('with a kernel of its own cannot give %s', (wish, needs) => {
    const nodes = [{ ...node('gvisor', 'other'), ownKernelClasses: ['gvisor'] }];
    const asking = specOf('hello', { runtimeClass: 'gvisor', ...needs } as Partial<FunctionSpec>);
    expect(() => requireRuntimeClass(asking, nodes)).toThrow(`"hello" asks for ${wish} and`);
    const other = { ...asking, runtimeClass: 'other' };
    expect(() => requireRuntimeClass(other, nodes)).not.toThrow();
  });
});
