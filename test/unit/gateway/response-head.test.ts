import { validateHeaderName, validateHeaderValue } from 'node:http';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkHead } from '../../../src/gateway/response-head.ts';

describe('checkHead', () => {
  it('keeps the names and the order of headers, and repeats what is repeated', () => {
    const headers = [
      ['X-B', '1'],
      ['set-cookie', 'a'],
      ['Set-Cookie', 'b'],
    ] as const;
    expect(checkHead({ status: 200, headers })).toMatchObject({ headers: headers.flat() });
  });

  it('leaves framing, the connection and our own headers to the gateway', () => {
    const checked = checkHead({
      status: 200,
      headers: [
        ['Content-Length', '5'],
        ['Transfer-Encoding', 'chunked'],
        ['Connection', 'close, x-own'],
        ['X-Own', '1'],
        ['X-Hearth-Start', 'cold'],
        ['etag', '"a"'],
      ],
    });
    expect(checked).toEqual({ status: 200, headers: ['etag', '"a"'], declaredLength: '5' });
  });

  it.each([99, 100, 101, 199, 600, 200.5, Number.NaN])('refuses status %d', (status) => {
    expect(checkHead({ status, headers: [] })).toContain('status');
  });

  it('passes exactly those headers that Node can send', () => {
    const unit = fc.oneof(
      fc.constantFrom('a', '-', ' ', '\r', '\n', '\0', '\t', '\x7f', 'é', '€', ':', '"'),
      fc.string({ minLength: 1, maxLength: 1 }),
    );
    fc.assert(
      fc.property(fc.string({ unit }), fc.string({ unit }), (name, value) => {
        const passes = typeof checkHead({ status: 200, headers: [[name, value]] }) === 'object';
        expect(passes).toBe(nodeAccepts(name, value));
      }),
      { numRuns: 2_000 },
    );
  });
});

function nodeAccepts(name: string, value: string): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}
