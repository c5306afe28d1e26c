import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { invocationRoute } from '../../../src/gateway/invocation-route.ts';

describe('invocationRoute', () => {
  it.each([
    ['GET', '/fn/hello', { trigger: 'http', functionName: 'hello', url: '/' }],
    ['PUT', '/fn/hello/', { trigger: 'http', functionName: 'hello', url: '/' }],
    ['GET', '/fn/hello?a=/b', { trigger: 'http', functionName: 'hello', url: '/?a=/b' }],
    ['GET', '/fn/hello//a', { trigger: 'http', functionName: 'hello', url: '//a' }],
    [
      'POST',
      '/v1/functions/hello/invocations?x=1',
      { trigger: 'event', functionName: 'hello', url: '/' },
    ],
  ])('reads %s %s', (method, target, route) => {
    expect(invocationRoute(method, target)).toEqual(route);
  });

  it.each([
    ['GET', '/fn'],
    ['GET', '/fn/'],
    ['GET', '/fn?x'],
    ['GET', '/fnord/hello'],
    ['OPTIONS', '*'],
    ['GET', '/v1/functions/hello/invocations'],
    ['POST', '/v1/functions/hello/invocations/more'],
    ['POST', '/v1/functions//invocations'],
    ['POST', '/v1/functions/a/b/invocations'],
  ])('leaves %s %s to others', (method, target) => {
    expect(invocationRoute(method, target)).toBeUndefined();
  });

  it('loses and changes nothing of what follows the name', () => {
    const rest = fc.string({ unit: fc.constantFrom('/', '?', '%', '2', 'F', '.', ';', '#', 'é') });
    fc.assert(
      fc.property(rest, (text) => {
        expect(invocationRoute('GET', `/fn/hello/${text}`)?.url).toBe(`/${text}`);
      }),
    );
  });
});
