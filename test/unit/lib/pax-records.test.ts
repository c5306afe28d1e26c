import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { paxRecords } from '../../../src/lib/pax-records.ts';
import { paxHeader } from '../../support/tar.ts';

const bytes = fc.uint8Array({ maxLength: 200 }).map((value) => Buffer.from(value));
const key = fc.stringMatching(/^[a-zé%. ]{1,120}$/);

describe('the records of a PAX header', () => {
  test('come out as they went in, whatever bytes they have', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(key, bytes)), (records) => {
        expect([...paxRecords(paxHeader(records))]).toEqual(records);
      }),
    );
  });

  test.each([
    ['a length past the end', '99 a=b\n'],
    ['a length before the key', '1 a=b\n'],
    ['a length of nothing', '0 a=b\n'],
    ['a length that is no number', '-6 a=b\n'],
    ['no length', 'a=b\n'],
    ['no key', '5 ab\n'],
    ['a key in the next record', '5 ab\n6 a=b\n'],
    ['no newline', '6 a=bc'],
    ['something after them', '6 a=b\n\0\0'],
  ])('with %s are refused', (_, header) => {
    expect(() => [...paxRecords(Buffer.from(header))]).toThrow('a PAX header is broken');
  });

  test('are refused or read, but never without end', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('0', '6', '12', ' ', '=', '\n', 'a')), (parts) => {
        const header = Buffer.from(parts.join(''));
        try {
          expect([...paxRecords(header)].length).toBeLessThanOrEqual(header.length);
        } catch (error) {
          expect(error).toMatchObject({ message: 'a PAX header is broken' });
        }
      }),
    );
  });
});
