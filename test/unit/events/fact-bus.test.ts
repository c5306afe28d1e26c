import { describe, expect, it } from 'vitest';
import type { Fact } from '../../../src/domain/facts.ts';
import { FactBus } from '../../../src/events/fact-bus.ts';

const removed = { functionName: 'hello' };

describe('FactBus', () => {
  it('gives every listener every fact, in the order of subscribing', () => {
    const bus = new FactBus({ now: () => 5 });
    const heard: [string, Fact][] = [];
    bus.subscribe((fact) => heard.push(['first', fact]));
    bus.subscribe((fact) => heard.push(['second', fact]));
    bus.publish('function.removed', removed);
    const fact = { type: 'function.removed', timeMs: 5, data: removed };
    expect(heard).toEqual([
      ['first', fact],
      ['second', fact],
    ]);
  });

  it('gives nothing more to who has unsubscribed, nor one subscription for another', () => {
    const bus = new FactBus();
    let heard = 0;
    const listener = () => {
      heard += 1;
    };
    const unsubscribe = bus.subscribe(listener);
    bus.subscribe(listener);
    unsubscribe();
    unsubscribe();
    bus.publish('function.removed', removed);
    expect(heard).toBe(1);
  });

  it('keeps a listener that throws from publisher and other listeners, and counts it', () => {
    const bus = new FactBus();
    let heard = 0;
    bus.subscribe(() => {
      throw new Error('broken');
    });
    bus.subscribe(() => {
      heard += 1;
    });
    bus.publish('function.removed', removed);
    bus.publish('function.removed', removed);
    expect(heard).toBe(2);
    expect(bus.failures).toBe(2);
  });

  it('lets a listener unsubscribe while a fact is published', () => {
    const bus = new FactBus();
    let heard = 0;
    const unsubscribe = bus.subscribe(() => unsubscribe());
    bus.subscribe(() => {
      heard += 1;
    });
    bus.publish('function.removed', removed);
    expect(heard).toBe(1);
  });
});
