import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  actions,
  can,
  canSomewhere,
  everything,
  fits,
  type Action,
  type Scope,
} from '../../../src/domain/principal.ts';

const holder = (...scopes: Scope[]) => ({ id: 'k', scopes });
const scope = (action: Action, pattern: string): Scope => ({ action, pattern });

describe('a pattern', () => {
  test.each([
    ['*', 'anything', true],
    ['*', everything, true],
    ['shop-*', 'shop-cart', true],
    ['shop-*', 'shop-', true],
    ['shop-*', 'shop', false],
    ['shop-*', everything, false],
    ['shop-*', 'my-shop-cart', false],
    ['*-cart', 'shop-cart', true],
    ['s*t', 'st', true],
    ['s*t', 's', false],
    ['a*a', 'a', false],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['shop', 'shop', true],
    ['shop', 'shop2', false],
    ['', '', true],
  ])('%s fits %s: %s', (pattern, name, isFit) => {
    expect(fits(pattern, name)).toBe(isFit);
  });

  test('fits as the regular expression that it stands for', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
    const name = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 });
    fc.assert(
      fc.property(text, name, (pattern, against) => {
        const expression = new RegExp(`^${pattern.replaceAll('*', '.*')}$`);
        expect(fits(pattern, against)).toBe(expression.test(against));
      }),
    );
  });
});

describe('a key', () => {
  test('may do what its scopes say, where they say it, and nothing else', () => {
    const key = holder(scope('invoke', 'a-*'), scope('read', 'b'));
    expect(can(key, 'invoke', 'a-1')).toBe(true);
    expect(can(key, 'invoke', 'b')).toBe(false);
    expect(can(key, 'read', 'b')).toBe(true);
    expect(can(key, 'deploy', 'a-1')).toBe(false);
    expect(canSomewhere(key, 'read')).toBe(true);
    expect(canSomewhere(key, 'deploy')).toBe(false);
  });

  test.each(actions)('of an administrator may %s, of all or of some functions', (action) => {
    expect(can(holder(scope('admin', '*')), action, everything)).toBe(true);
    const some = holder(scope('admin', 'a-*'));
    expect(can(some, action, 'a-1')).toBe(true);
    expect(can(some, action, 'b')).toBe(false);
    expect(can(some, action, everything)).toBe(false);
  });

  test('without scopes may nothing', () => {
    for (const action of actions) expect(canSomewhere(holder(), action)).toBe(false);
  });
});
