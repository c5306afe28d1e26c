import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Digest } from '../../../src/domain/ids.ts';
import {
  garbageRules,
  planGarbage,
  type GarbageState,
} from '../../../src/images/gc/garbage-policy.ts';
import { layersIn } from '../../../src/images/gc/mounted-layers.ts';

const day = 24 * 60 * 60_000;
const nowMs = 1000 * day;
const digest = (n: number): Digest => `sha256:${n.toString(16).padStart(64, '0')}`;
const stored = (n: number, usedMs = 0, sizeBytes = 10) => ({
  digest: digest(n),
  sizeBytes,
  usedMs,
});
const parts = (blobs: readonly number[], layers: readonly number[] = []) => ({
  blobs: blobs.map(digest),
  diffIds: layers.map(digest),
});
const state = (over: Partial<GarbageState> = {}): GarbageState => ({
  nowMs,
  blobs: [],
  layers: [],
  runnable: [],
  kept: [],
  cached: [],
  mounted: new Set(),
  disk: { totalBytes: 1000, freeBytes: 900 },
  ...over,
});

describe('garbage', () => {
  it('is what no image needs', () => {
    const plan = planGarbage(
      state({
        blobs: [stored(1), stored(2), stored(3)],
        layers: [stored(11), stored(12), stored(13)],
        runnable: [parts([1], [11])],
        kept: [parts([2], [12])],
      }),
    );
    // A pushed image is not run as it is: its layers need not lie there unpacked.
    expect(plan).toEqual({
      names: [],
      blobs: [digest(3)],
      layers: [digest(12), digest(13)],
      freedBytes: 30,
    });
  });

  it('is not what is mounted, and not what is new', () => {
    const fresh = nowMs - garbageRules.graceMs;
    const plan = planGarbage(
      state({
        blobs: [stored(1, fresh)],
        layers: [stored(11), stored(12, fresh)],
        mounted: new Set([digest(11)]),
      }),
    );
    expect(plan).toMatchObject({ blobs: [], layers: [] });
  });

  const cached = [
    { name: 'old', usedMs: nowMs - 31 * day, parts: parts([1]) },
    { name: 'middle', usedMs: nowMs - 20 * day, parts: parts([2]) },
    { name: 'new', usedMs: nowMs - day, parts: parts([3]) },
  ];
  const blobs = [stored(1, 0, 100), stored(2, 0, 100), stored(3, 0, 100)];

  it('are pulled images that nobody used for a month', () => {
    const plan = planGarbage(state({ blobs, cached }));
    expect(plan).toMatchObject({ names: ['old'], blobs: [digest(1)] });
  });

  it('are as many pulled images as bring a full disk down, the least recently used first', () => {
    const full = { totalBytes: 1000, freeBytes: 100 };
    expect(planGarbage(state({ blobs, cached, disk: full })).names).toEqual(['old']);
    const fuller = { totalBytes: 1000, freeBytes: 20 };
    expect(planGarbage(state({ blobs, cached, disk: fuller })).names).toEqual(['old', 'middle']);
  });

  const someDigests = fc.array(fc.nat(8), { maxLength: 5 });
  const someParts = fc.record({ blobs: someDigests, layers: someDigests });

  it('never is anything that a version, a pushed image or a mount needs', () => {
    fc.assert(
      fc.property(
        fc.array(someParts, { maxLength: 3 }),
        fc.array(someParts, { maxLength: 3 }),
        fc.array(fc.tuple(someParts, fc.nat(60)), { maxLength: 3 }),
        someDigests,
        fc.nat(1000),
        (runnable, kept, pulled, mounted, freeBytes) => {
          const all = Array.from({ length: 9 }, (_, n) => stored(n));
          const plan = planGarbage(
            state({
              blobs: all,
              layers: all,
              runnable: runnable.map((image) => parts(image.blobs, image.layers)),
              kept: kept.map((image) => parts(image.blobs, image.layers)),
              cached: pulled.map(([image, days], i) => ({
                name: String(i),
                usedMs: nowMs - days * day,
                parts: parts(image.blobs, image.layers),
              })),
              mounted: new Set(mounted.map(digest)),
              disk: { totalBytes: 1000, freeBytes },
            }),
          );
          const stays = pulled.filter((_, i) => !plan.names.includes(String(i)));
          const images = [...runnable, ...kept, ...stays.map(([image]) => image)];
          const neededBlobs = new Set(images.flatMap((image) => image.blobs).map(digest));
          const unpacked = runnable.flatMap(({ layers }) => layers);
          const neededLayers = new Set([...unpacked, ...mounted].map(digest));
          expect(plan.blobs.filter((one) => neededBlobs.has(one))).toEqual([]);
          expect(plan.layers.filter((one) => neededLayers.has(one))).toEqual([]);
        },
      ),
    );
  });
});

describe('mounted layers', () => {
  it('are those in the options of mounts', () => {
    const [a, b] = [1, 2].map((n) => digest(n).slice(7));
    const options = `ro,lowerdir=/data/images/layers/${a}:/data/images/layers/${b},index=off`;
    const line = `36 35 0:50 / /run/hearth/roots/x ro - overlay overlay ${options}\n`;
    expect(layersIn(line, '/data/images/layers')).toEqual([digest(1), digest(2)]);
    expect(layersIn(line, '/other/images/layers')).toEqual([]);
    const odd = String.raw`lowerdir=/my\040data\134:x/layers/${a}`;
    expect(layersIn(odd, '/my data:x/layers')).toEqual([digest(1)]);
  });
});
