import { describe, expect, it } from 'vitest';
import {
  formatImageReference,
  isRepositoryName,
  parseImageReference,
} from '../../../src/domain/image-reference.ts';

const digest = `sha256:${'a'.repeat(64)}` as const;

describe('the name of an image', () => {
  it.each([
    ['team/app', { registry: undefined, repository: 'team/app', tag: undefined }],
    ['app:1.0', { registry: undefined, repository: 'app', tag: '1.0' }],
    ['example.com/team/app:1', { registry: 'example.com', repository: 'team/app', tag: '1' }],
    ['LOCALHOST:5000/app', undefined],
    ['localhost/app', { registry: 'localhost', repository: 'app', tag: undefined }],
    ['127.0.0.1:5000/app:x', { registry: '127.0.0.1:5000', repository: 'app', tag: 'x' }],
    ['[::1]:5000/app', { registry: '[::1]:5000', repository: 'app', tag: undefined }],
    [`app:1@${digest}`, { registry: undefined, repository: 'app', tag: '1', digest }],
  ])('%s is read and written', (text, parts) => {
    const reference = parseImageReference(text);
    if (parts) expect(reference).toMatchObject(parts);
    expect(formatImageReference(reference)).toBe(text.replace('LOCALHOST', 'localhost'));
  });

  it.each([
    '',
    'App',
    '../app',
    'a//b',
    '/a',
    'a/',
    'a:',
    'a:-x',
    'a@sha256:1',
    `a@${digest}@${digest}`,
    'example.com/',
    'exa mple.com/a',
    'user@example.com/a',
    'a/_tags/b',
    'x'.repeat(256),
    'http://example.com/a',
  ])('is not "%s"', (text) => {
    expect(() => parseImageReference(text)).toThrow(/not the name of an image/);
  });

  it('is a path that stays where it is put', () => {
    for (const name of ['..', 'a/..', '.a', '_a', 'a/_b', 'a\0']) {
      expect(isRepositoryName(name)).toBe(false);
    }
  });
});
