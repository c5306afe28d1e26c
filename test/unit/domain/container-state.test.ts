import { describe, expect, test } from 'vitest';
import {
  stateAfter,
  type ContainerMove,
  type ContainerState,
} from '../../../src/domain/container-state.ts';

const states: readonly ContainerState[] = ['created', 'running', 'paused', 'stopped', 'deleted'];

/** Rows are moves, columns the states they are made from; `-`: not allowed. */
const table: Readonly<Record<ContainerMove, readonly (ContainerState | '-')[]>> = {
  start: ['running', '-', '-', '-', '-'],
  pause: ['-', 'paused', 'paused', '-', '-'],
  resume: ['-', 'running', 'running', '-', '-'],
  end: ['stopped', 'stopped', 'stopped', 'stopped', 'deleted'],
  delete: ['deleted', '-', '-', 'deleted', 'deleted'],
};

describe('the state of a container', () => {
  test.each(Object.entries(table))('after "%s"', (move, row) => {
    const after = states.map((state) => stateAfter(state, move as ContainerMove) ?? '-');
    expect(after).toEqual(row);
  });

  test('of one that has stopped never leads back to life', () => {
    const reached = new Set<ContainerState>(['stopped']);
    for (const state of reached) {
      for (const move of Object.keys(table)) {
        const next = stateAfter(state, move as ContainerMove);
        if (next) reached.add(next);
      }
    }
    expect([...reached]).toEqual(['stopped', 'deleted']);
  });
});
