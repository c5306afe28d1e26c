import { expect, test } from 'vitest';
import { parseScope, scopeText } from '../../../src/cli/scope-text.ts';

test.each([
  ['invoke', { action: 'invoke', pattern: '*' }],
  ['deploy:shop-*', { action: 'deploy', pattern: 'shop-*' }],
  ['registry:push', { action: 'registry:push', pattern: '*' }],
  ['registry:pull:team/*', { action: 'registry:pull', pattern: 'team/*' }],
])('%s is a right, and is written so', (text, scope) => {
  expect(parseScope(text)).toEqual(scope);
  expect(scopeText(parseScope(text))).toBe(text);
});

test.each(['', 'fly', 'registry', 'invoked', 'Invoke'])('"%s" is none', (text) => {
  expect(() => parseScope(text)).toThrow('registry:push');
});
