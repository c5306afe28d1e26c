import { describe, expect, it } from 'vitest';
import { forwardedHeaders } from '../../../src/gateway/request-head.ts';

const caller = { sourceIp: '192.0.2.1', isSecure: false, hidesKey: false };
const forwarded = (...rawHeaders: (readonly [string, string])[]) =>
  forwardedHeaders(rawHeaders.flat(), caller).filter(([name]) => !name.startsWith('x-forwarded-'));

describe('forwardedHeaders', () => {
  it('keeps order, values and repetition, with names in lower case', () => {
    expect(forwarded(['X-B', '1'], ['A', ' Two '], ['x-b', '3'])).toEqual([
      ['x-b', '1'],
      ['a', ' Two '],
      ['x-b', '3'],
    ]);
  });

  it('leaves out what concerns the connection, also what Connection names', () => {
    const headers = forwarded(
      ['Connection', 'keep-alive, X-Own'],
      ['Keep-Alive', 'timeout=5'],
      ['x-own', '1'],
      ['Transfer-Encoding', 'chunked'],
      ['TE', 'trailers'],
      ['Trailer', 'x'],
      ['Upgrade', 'h2c'],
      ['Proxy-Authorization', 'secret'],
      ['Expect', '100-continue'],
      ['Accept', '*/*'],
    );
    expect(headers).toEqual([['accept', '*/*']]);
  });

  it('tells whether the caller came over TLS', () => {
    expect(forwardedHeaders([], caller)).toContainEqual(['x-forwarded-proto', 'http']);
    const secure = { ...caller, isSecure: true };
    expect(forwardedHeaders([], secure)).toContainEqual(['x-forwarded-proto', 'https']);
  });

  it('adds the peer after the addresses that the caller claims', () => {
    const headers = forwardedHeaders(
      ['X-Forwarded-For', 'a', 'Accept', '*/*', 'x-forwarded-for', 'b, c'],
      caller,
    );
    expect(headers).toContainEqual(['x-forwarded-for', 'a, b, c, 192.0.2.1']);
    expect(headers.filter(([name]) => name === 'x-forwarded-for')).toHaveLength(1);
  });

  it('keeps scheme and host as a proxy before us has set them', () => {
    const headers = forwardedHeaders(
      ['Host', 'inner', 'X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'shop.example'],
      caller,
    );
    expect(headers).toEqual([
      ['host', 'inner'],
      ['x-forwarded-proto', 'https'],
      ['x-forwarded-host', 'shop.example'],
      ['x-forwarded-for', '192.0.2.1'],
    ]);
  });

  it('hides a key that was meant for the gateway', () => {
    const headers = forwardedHeaders(['Authorization', 'Bearer id:secret', 'accept', '*/*'], {
      ...caller,
      hidesKey: true,
    });
    expect(headers[0]).toEqual(['accept', '*/*']);
  });
});
