/**
 * Where a container is in its life. `created`: its cgroup and its bundle are there, nothing runs.
 * `stopped`: nothing runs any more, its counters can still be read. `deleted`: nothing is left.
 */
export type ContainerState = 'created' | 'running' | 'paused' | 'stopped' | 'deleted';

/** What can happen to a container. `end`: nothing of it runs any more, for whatever reason. */
export type ContainerMove = 'start' | 'pause' | 'resume' | 'end' | 'delete';

/** Where each move leads. A state that leads to itself: the move is harmless, nothing is done. */
const moves: Readonly<Record<ContainerMove, Partial<Record<ContainerState, ContainerState>>>> = {
  start: { created: 'running' },
  pause: { running: 'paused', paused: 'paused' },
  resume: { paused: 'running', running: 'running' },
  end: {
    created: 'stopped',
    running: 'stopped',
    paused: 'stopped',
    stopped: 'stopped',
    deleted: 'deleted',
  },
  delete: { created: 'deleted', stopped: 'deleted', deleted: 'deleted' },
};

/** Undefined when the state does not allow the move. */
export function stateAfter(state: ContainerState, move: ContainerMove): ContainerState | undefined {
  return moves[move][state];
}
