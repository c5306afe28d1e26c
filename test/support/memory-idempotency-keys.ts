import type {
  ClaimedKey,
  IdempotencyKeys,
  KeptAnswer,
  KeyClaim,
} from '../../src/domain/idempotency.ts';

interface Known {
  readonly claim: KeyClaim;
  readonly kept?: KeptAnswer | 'accepted' | 'unkept';
}

/** Idempotency keys in memory, which never end. */
export class MemoryIdempotencyKeys implements IdempotencyKeys {
  readonly #known = new Map<string, Known>();

  async claim(claim: KeyClaim): Promise<ClaimedKey> {
    const known = this.#known.get(nameOf(claim));
    if (!known) {
      this.#known.set(nameOf(claim), { claim });
      return { kind: 'mine', id: claim.id };
    }
    const { id, requestDigest } = known.claim;
    if (requestDigest !== claim.requestDigest) return { kind: 'other_request' };
    if (known.kept === undefined) return { kind: 'held', id };
    if (typeof known.kept === 'string') return { kind: known.kept, id };
    return { kind: 'answered', id, answer: known.kept };
  }

  async keep(claim: KeyClaim, kept: KeptAnswer | 'accepted' | 'unkept'): Promise<void> {
    const known = this.#known.get(nameOf(claim));
    if (known?.claim.id === claim.id) this.#known.set(nameOf(claim), { ...known, kept });
  }

  async release(claim: KeyClaim): Promise<void> {
    const known = this.#known.get(nameOf(claim));
    if (known?.claim.id === claim.id && !known.kept) this.#known.delete(nameOf(claim));
  }
}

const nameOf = ({ functionName, key }: KeyClaim): string => `${functionName}/${key}`;
