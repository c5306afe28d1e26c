import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reverseLines } from '../../../src/telemetry/reverse-lines.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hearth-lines-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(text: string): Promise<string[]> {
  const path = join(folder, 'lines');
  await writeFile(path, text);
  await using file = await open(path);
  const lines: string[] = [];
  for await (const line of reverseLines(file)) lines.push(line);
  return lines;
}

const line = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'é', '✓', ' ') }),
  // Some that are longer than what is read at a time, so that lines lie over its borders.
  fc.integer({ min: 100_000, max: 300_000 }).map((length) => '✓'.repeat(length / 3)),
);

describe('reverseLines', () => {
  it('gives every complete line once, last first, and nothing of an incomplete one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 8 }), fc.string(), async (lines, tail) => {
        const incomplete = tail.replaceAll('\n', '');
        const text = lines.map((each) => `${each}\n`).join('') + incomplete;
        expect(await read(text)).toEqual(lines.toReversed());
      }),
      { numRuns: 50 },
    );
  });
});
