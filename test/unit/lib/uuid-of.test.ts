import { expect, test } from 'vitest';
import { uuidOf } from '../../../src/lib/uuid-of.ts';

test('a text has one UUID, and another text another', () => {
  const id = uuidOf('nightly:2026-03-29T01:30:00.000Z');
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(uuidOf('nightly:2026-03-29T01:30:00.000Z')).toBe(id);
  expect(uuidOf('nightly:2026-03-29T02:30:00.000Z')).not.toBe(id);
});
