import { expect, test } from 'vitest';
import {
  formatBytes,
  formatMs,
  parseBitRate,
  parseBytes,
  parseDuration,
} from '../../../src/lib/units.ts';

test.each([
  ['128Mi', 134_217_728],
  ['1G', 1_000_000_000],
  ['1.5Ki', 1536],
  ['65536', 65_536],
  ['12Qi', undefined],
  ['Mi', undefined],
  ['-1', undefined],
  ['', undefined],
  ['99999999999Gi', undefined],
])('parses the bytes "%s" as %s', (text, bytes) => expect(parseBytes(text)).toBe(bytes));

test.each([
  ['250ms', 250],
  ['30s', 30_000],
  ['1.5m', 90_000],
  ['6h', 21_600_000],
  ['10', undefined],
  ['s', undefined],
])('parses the duration "%s" as %s', (text, ms) => expect(parseDuration(text)).toBe(ms));

test.each([
  ['64kbit', 64_000],
  ['1.5Gbit', 1_500_000_000],
  ['10M', undefined],
  ['10MBit', undefined],
])('parses the rate "%s" as %s', (text, bits) => expect(parseBitRate(text)).toBe(bits));

test.each([
  [512, '512 B'],
  [1536, '1.5 KiB'],
  [134_217_728, '128.0 MiB'],
])('writes %s bytes as "%s"', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

test.each([
  [1.23, '1.2 ms'],
  [12.3, '12 ms'],
  [1234, '1.2 s'],
])('writes %s milliseconds as "%s"', (ms, text) => expect(formatMs(ms)).toBe(text));
