import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { functionConfigSchema } from '../../../src/config/function-config.ts';
import { hostConfigSchema } from '../../../src/config/host-config.ts';

const readme = await readFile(new URL('../../../src/config/README.md', import.meta.url), 'utf8');
const documented = [...readme.matchAll(/^\| `([^`]+)` +\|/gm)].map((match) => match[1]);

/** The keys of a schema, those of objects in it as `outer.inner`. */
function keysOf(schema: { readonly properties?: object }, prefix = ''): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => {
    const path = `${prefix}${key}`;
    const deeper = keysOf(inner as object, `${path}.`);
    return deeper.length > 0 ? deeper : [path];
  });
}

describe('the README of the configuration', () => {
  test('has every key of hearth.json and every variable, and no other, each once', () => {
    const keys = [...keysOf(functionConfigSchema), ...keysOf(hostConfigSchema)];
    expect(new Set(documented)).toEqual(new Set(keys.filter((key) => key !== '$schema')));
    expect(documented).toHaveLength(new Set(documented).size);
  });
});
