import { describe, expect, it } from 'vitest';
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
});
