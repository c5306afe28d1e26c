import { describe, expect, test } from 'vitest';
import {
  attributeLimits,
  setUserAttributes,
  userAttributes,
} from '../../../src/images/unpack/user-attributes.ts';
import { paxHeader } from '../../support/tar.ts';

const attributes = (records: Readonly<Record<string, Buffer | string>>) =>
  Object.fromEntries(userAttributes(paxHeader(Object.entries(records)), 'file'));

describe('extended attributes of a layer', () => {
  test('are those of users, byte for byte', () => {
    const value = Buffer.from([0xff, 0, 0x0a, 0x3d]);
    expect(
      attributes({ mtime: '1', 'SCHILY.xattr.user.a': value, 'SCHILY.xattr.user.b=': '' }),
    ).toEqual({ 'user.a': value, 'user.b': Buffer.from('=') });
    expect(userAttributes(undefined, 'file').size).toBe(0);
  });

  test.each([
    'trusted.overlay.opaque',
    'trusted.overlay.redirect',
    'user.overlay.opaque',
    'user.overlay.metacopy',
    'user.overlay.overlay.opaque',
    'security.capability',
    'system.posix_acl_access',
    'usera',
    '',
  ])('are never "%s"', (name) => {
    expect(attributes({ [`SCHILY.xattr.${name}`]: 'y', [`RHT.${name}`]: 'y' })).toEqual({});
  });

  test('that stand twice are what they are last', () => {
    const records = [
      ['SCHILY.xattr.user.a', '1'],
      ['SCHILY.xattr.user.a', '2'],
    ] as const;
    expect(userAttributes(paxHeader(records), 'file').get('user.a')?.toString()).toBe('2');
  });

  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`SCHILY.xattr.user.${i}`, '']));
  const large = (bytes: number) => ({ 'SCHILY.xattr.user.a': 'x'.repeat(bytes - 'user.a'.length) });

  test('may be as many and as large as the limit', () => {
    expect(Object.keys(attributes(many(attributeLimits.count)))).toHaveLength(256);
    expect(attributes(large(attributeLimits.bytes))['user.a']).toHaveLength(64 * 1024 - 6);
  });

  test.each<[string, Readonly<Record<string, string>>, RegExp]>([
    ['too many', many(attributeLimits.count + 1), /over 256 extended attributes/],
    ['too large', large(attributeLimits.bytes + 1), /over 65536 bytes/],
    ['without a name', { 'SCHILY.xattr.user.': '' }, /a name that none can have/],
    ['with a zero byte', { 'SCHILY.xattr.user.overlay\0.opaque': 'y' }, /that none can have/],
    ['with a long name', { [`SCHILY.xattr.user.${'é'.repeat(126)}`]: '' }, /that none can have/],
  ])('that are %s are refused', (_, records, message) => {
    expect(() => attributes(records)).toThrow(message);
  });

  test('that a file system does not take are an error, not lost', () => {
    const set = () => setUserAttributes('/proc/self/comm', new Map([['user.a', Buffer.from('1')]]));
    expect(set).toThrow(expect.objectContaining({ reason: 'image.attributes_not_kept' }));
  });
});
