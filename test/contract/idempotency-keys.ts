import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { IdempotencyKeys, KeptAnswer, KeyClaim } from '../../src/domain/idempotency.ts';

/** What every IdempotencyKeys does. */
export function idempotencyKeysContract(keys: () => IdempotencyKeys): void {
  const claimOf = (key: string, changes: Partial<KeyClaim> = {}): KeyClaim => ({
    functionName: 'hello',
    key,
    requestDigest: 'a',
    id: randomUUID(),
    holdMs: 60_000,
    ...changes,
  });
  const answer: KeptAnswer = {
    outcome: { kind: 'ok' },
    head: { status: 201, headers: [['x-a', 'b']] },
    body: Buffer.from([0, 255]),
  };

  test('the first who claims a key has it, the next learns whose it is', async () => {
    const first = claimOf('held');
    expect(await keys().claim(first)).toEqual({ kind: 'mine', id: first.id });
    expect(await keys().claim(claimOf('held'))).toEqual({ kind: 'held', id: first.id });
  });

  test('a key is one for each function, and stands for one request', async () => {
    await keys().claim(claimOf('scoped'));
    const other = claimOf('scoped', { functionName: 'other' });
    expect((await keys().claim(other)).kind).toBe('mine');
    const another = claimOf('scoped', { requestDigest: 'b' });
    expect(await keys().claim(another)).toEqual({ kind: 'other_request' });
  });

  test('what is kept is told to whoever asks again', async () => {
    const first = claimOf('kept');
    await keys().claim(first);
    await keys().keep(first, answer);
    expect(await keys().claim(claimOf('kept'))).toEqual({ kind: 'answered', id: first.id, answer });
    for (const kind of ['accepted', 'unkept'] as const) {
      const claim = claimOf(kind);
      await keys().claim(claim);
      await keys().keep(claim, kind);
      expect(await keys().claim(claimOf(kind))).toEqual({ kind, id: claim.id });
    }
  });

  test('a key that was released is free, unless something is kept or it is another one', async () => {
    const first = claimOf('released');
    await keys().claim(first);
    await keys().release(claimOf('released'));
    expect((await keys().claim(claimOf('released'))).kind).toBe('held');
    await keys().release(first);
    const second = claimOf('released');
    expect((await keys().claim(second)).kind).toBe('mine');
    await keys().keep(second, 'accepted');
    await keys().release(second);
    expect((await keys().claim(claimOf('released'))).kind).toBe('accepted');
  });
}
