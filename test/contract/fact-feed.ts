import { expect, test, vi } from 'vitest';
import type { Fact, FactFeed, StreamedFact } from '../../src/domain/facts.ts';

/** A feed under test, and a way to put facts into it. */
export interface FactFeedFixture extends AsyncDisposable {
  readonly feed: FactFeed;
  publish(facts: readonly Fact[]): void;
}

const fact = (functionName: string): Fact => ({
  type: 'function.removed',
  timeMs: 1,
  data: { functionName },
});
const soon = { timeout: 10_000, interval: 5 };
const names = (facts: readonly StreamedFact[]) =>
  facts.map((streamed) => (streamed.fact.data as { functionName: string }).functionName);

/** What every FactFeed keeps to. */
export function factFeedContract(start: () => Promise<FactFeedFixture>): void {
  async function heard(fixture: FactFeedFixture, ...published: string[]) {
    const facts: StreamedFact[] = [];
    const unsubscribe = fixture.feed.subscribe((streamed) => facts.push(streamed));
    fixture.publish(published.map(fact));
    await vi.waitFor(() => expect(facts).toHaveLength(published.length), soon);
    unsubscribe();
    return facts;
  }

  test('tells who listens each fact once, in order, each with an id of its own', async () => {
    await using fixture = await start();
    const facts = await heard(fixture, 'a', 'b', 'c');
    expect(names(facts)).toEqual(['a', 'b', 'c']);
    expect(new Set(facts.map(({ id }) => id)).size).toBe(3);
    expect(facts[0]?.fact).toEqual(fact('a'));
  });

  test('tells nothing more to who has unsubscribed', async () => {
    await using fixture = await start();
    const first = await heard(fixture, 'a');
    await heard(fixture, 'b');
    expect(names(first)).toEqual(['a']);
  });

  test('keeps a listener that throws from no other', async () => {
    await using fixture = await start();
    fixture.feed.subscribe(() => {
      throw new Error('broken');
    });
    expect(names(await heard(fixture, 'a', 'b'))).toEqual(['a', 'b']);
  });

  test('gives what came after a fact, also one that came in the same moment', async () => {
    await using fixture = await start();
    const [first, second] = await heard(fixture, 'a', 'b', 'c');
    await heard(fixture, 'd');
    expect(names(await fixture.feed.after(first?.id ?? '', 10))).toEqual(['b', 'c', 'd']);
    expect(names(await fixture.feed.after(second?.id ?? '', 10))).toEqual(['c', 'd']);
  });

  test('gives the oldest it has when asked for what follows something unknown', async () => {
    await using fixture = await start();
    await heard(fixture, 'a', 'b');
    expect(names(await fixture.feed.after('no id', 10))).toEqual(['a', 'b']);
    expect(names(await fixture.feed.after('no id', 1))).toEqual(['a']);
  });
}
