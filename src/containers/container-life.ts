import { stateAfter, type ContainerMove, type ContainerState } from '../domain/container-state.ts';
import { HostError } from '../domain/errors.ts';
import type { SandboxId } from '../domain/ids.ts';

/** The state of one container, which only changes by moves that the table allows. */
export class ContainerLife {
  readonly #id: SandboxId;
  #state: ContainerState = 'created';

  constructor(id: SandboxId) {
    this.#id = id;
  }

  get state(): ContainerState {
    return this.#state;
  }

  /** @throws HostError `conflict` when the state does not allow the move. */
  check(move: ContainerMove): ContainerState {
    const next = stateAfter(this.#state, move);
    if (next === undefined) throw this.#notNow(move);
    return next;
  }

  /** For a change that is no move. @throws as `check` does. */
  checkAlive(change: string): void {
    if (this.#state === 'stopped' || this.#state === 'deleted') throw this.#notNow(change);
  }

  /** False when the move changes nothing. @throws as `check` does. */
  move(move: ContainerMove): boolean {
    const next = this.check(move);
    const changes = next !== this.#state;
    this.#state = next;
    return changes;
  }

  #notNow(what: string): HostError {
    return new HostError(
      'conflict',
      'containers.wrong_state',
      `Container ${this.#id} is ${this.#state}: "${what}" is not possible now.`,
    );
  }
}
