import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Digest } from '../../src/domain/ids.ts';
import type { PublishedRepository } from '../../src/domain/registry.ts';
import { BlobStore, digestOf } from '../../src/images/blob-store.ts';
import { GarbageCollector } from '../../src/images/gc/garbage-collector.ts';
import { RecentUse } from '../../src/images/gc/recent-use.ts';
import { ImageIndex } from '../../src/images/image-index.ts';
import { createImages, machinePrograms } from '../../src/images/index.ts';
import { LayerStore } from '../../src/images/layer-store.ts';
import { mediaTypes, writeImage } from '../../src/images/manifest.ts';
import { PublishedRepositories } from '../../src/images/registry/published.ts';
import { RepositoryStore } from '../../src/images/registry/repository-store.ts';
import { UploadStore } from '../../src/images/registry/upload-store.ts';
import { makeTar } from '../support/tar.ts';

const hours = 3_600_000;

let dir: string;
let blobs: BlobStore;
let layers: LayerStore;
let index: ImageIndex;
let repositories: RepositoryStore;
let recent: RecentUse;
let versions: Digest[];
let nowMs: number;
let collector: GarbageCollector;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-garbage-'));
  blobs = new BlobStore(dir);
  recent = new RecentUse();
  layers = new LayerStore(join(dir, 'layers'), blobs, recent);
  index = new ImageIndex(dir);
  await blobs.open();
  await layers.open();
  versions = [];
  const published = async (): Promise<Map<string, PublishedRepository>> =>
    new Map([['hearth/versions', { tags: new Map(), digests: versions }]]);
  const shown = new PublishedRepositories(published, blobs);
  repositories = new RepositoryStore(join(dir, 'repositories'), blobs, shown);
  const uploads = new UploadStore(repositories, blobs);
  nowMs = Date.now() + 2 * hours; // what the test makes is old then
  const now = () => nowMs;
  collector = new GarbageCollector({
    dir,
    blobs,
    index,
    published,
    repositories,
    uploads,
    recent,
    now,
  });
});
afterEach(() => rm(dir, { recursive: true }));

async function makeImage(content: string) {
  const layer = await blobs.put(await makeTar([{ name: 'file', content }]));
  const descriptor = { mediaType: mediaTypes.layer, digest: layer.digest, size: layer.sizeBytes };
  const rootfs = { type: 'layers', diff_ids: [layer.digest] } as const;
  const config = { architecture: 'amd64', os: 'linux', config: {}, rootfs } as const;
  const image = await writeImage(blobs, config, [descriptor]);
  const unpacked = await layers.unpacked(descriptor, layer.digest);
  return { ...image, layer: layer.digest, unpacked };
}
const blobNames = () => readdir(join(dir, 'blobs/sha256'));
const layerNames = () => readdir(join(dir, 'layers'));
const hex = (digest: Digest) => digest.slice('sha256:'.length);

describe('a collection', () => {
  test('leaves versions and removes what is left of others, once; a dry one only tells', async () => {
    const kept = await makeImage('kept');
    const gone = await makeImage('gone');
    versions = [kept.digest];
    const told = await collector.collect({ dryRun: true });
    expect(await blobNames()).toHaveLength(6);
    expect(await collector.collect({ dryRun: false })).toEqual(told);
    expect(told.blobs).toHaveLength(3);
    expect(told.layers).toEqual([gone.layer]);
    expect(await blobNames()).toContain(hex(kept.digest));
    expect(await blobNames()).toHaveLength(3);
    expect(await layerNames()).toEqual([hex(kept.layer)]);
    expect(await collector.collect({ dryRun: false })).toMatchObject({ blobs: [], layers: [] });
  });

  test('leaves what was pushed, until it is deleted there', async () => {
    const { digest, mediaType, layer } = await makeImage('pushed');
    const content = await blobs.readSmall(digest, 10_000);
    const folder = repositories.folder('team/app');
    const { config } = JSON.parse(content.toString()) as { config: { digest: Digest } };
    for (const blob of [layer, config.digest]) await folder.addBlob(blob);
    await repositories.putManifest('team/app', '1', { mediaType, content });
    nowMs += 2 * hours;
    await collector.collect({ dryRun: false });
    expect(await blobNames()).toHaveLength(3);
    await repositories.removeManifest('team/app', digest);
    for (const blob of [layer, config.digest]) await repositories.removeBlob('team/app', blob);
    await collector.collect({ dryRun: false });
    expect(await blobNames()).toEqual([]);
  });

  test('leaves signatures and what else refers to an image that was pushed', async () => {
    const { digest, mediaType, layer, size } = await makeImage('signed');
    const folder = repositories.folder('team/app');
    const subject = { mediaType, digest, size };
    for (const more of [{}, { subject }]) {
      const payload = await blobs.put(Buffer.from(`signature of ${JSON.stringify(more)}`));
      const config = { mediaType: mediaTypes.config, digest: layer, size: 1 };
      config.size = (await stat(blobs.path(layer))).size;
      for (const blob of [layer, payload.digest]) await folder.addBlob(blob);
      const layers = [{ mediaType: 'text/plain', digest: payload.digest, size: payload.sizeBytes }];
      const manifest = { schemaVersion: 2, mediaType, config, layers, ...more };
      const content = Buffer.from(JSON.stringify(manifest));
      const tag = 'subject' in more ? digestOf(content) : `${digest.replace(':', '-')}.sig`;
      await repositories.putManifest('team/app', tag, { mediaType, content });
    }
    const before = await blobNames();
    for (const name of before) await utimes(join(dir, 'blobs/sha256', name), 0, 0);
    await folder.addManifest(digest, mediaType, undefined);
    nowMs += 2 * hours;
    await collector.collect({ dryRun: false });
    expect((await blobNames()).toSorted()).toEqual(before.toSorted());
    expect(await repositories.referrers('team/app', digest)).toHaveLength(1);
  });

  test('forgets pulled images after a month without use', async () => {
    const image = await makeImage('pulled');
    await index.set('registry.example/app:1', image);
    await collector.collect({ dryRun: false });
    expect(await blobNames()).toHaveLength(3);
    const longAgo = new Date(nowMs - 31 * 24 * hours);
    await utimes(blobs.path(image.digest), longAgo, longAgo);
    const { names } = await collector.collect({ dryRun: false });
    expect(names).toEqual(['registry.example/app:1']);
    expect(await index.list()).toEqual(new Map());
    expect(await blobNames()).toEqual([]);
  });

  test('leaves what a pull or a deploy has just needed, though it is old', async () => {
    const image = await makeImage('in flight');
    recent.touch(image.layer, nowMs);
    await utimes(blobs.path(image.digest), new Date(nowMs), new Date(nowMs));
    await collector.collect({ dryRun: false });
    expect(await layerNames()).toEqual([hex(image.layer)]);
    const left = await blobNames();
    expect(left.toSorted()).toEqual([hex(image.layer), hex(image.digest)].toSorted());
  });

  test('leaves the layers that a running sandbox has mounted', async () => {
    const image = await makeImage('mounted');
    const [target, empty] = [join(dir, 'target'), join(dir, 'empty')];
    await mkdir(target);
    await mkdir(empty);
    const mount = `mount -t overlay overlay -o ro,lowerdir=${image.unpacked}:${empty} ${target}`;
    const sandbox = spawn('unshare', ['--mount', 'sh', '-c', `${mount} && echo up && cat`]);
    try {
      await once(sandbox.stdout, 'data');
      await collector.collect({ dryRun: false });
      expect(await layerNames()).toEqual([hex(image.layer)]);
    } finally {
      const ended = once(sandbox, 'exit');
      sandbox.stdin.end();
      await ended;
    }
    await collector.collect({ dryRun: false });
    expect(await layerNames()).toEqual([]);
  });

  test('removes nothing when it cannot read what is needed', async () => {
    const image = await makeImage('broken');
    await makeImage('other');
    versions = [image.digest];
    await writeFile(blobs.path(image.digest), 'broken');
    await expect(collector.collect({ dryRun: false })).rejects.toMatchObject({
      reason: 'image.broken_blob',
    });
    expect(await blobNames()).toHaveLength(6);
  });

  test('that was killed on the way is made good at the next start', async () => {
    const image = await makeImage('half gone');
    const half = await makeImage('settled');
    await mkdir(join(dir, 'trash/blobs'), { recursive: true });
    await mkdir(join(dir, 'trash/layers'), { recursive: true });
    await rename(blobs.path(image.digest), join(dir, 'trash/blobs', hex(image.digest)));
    await rename(image.unpacked, join(dir, 'trash/layers', hex(image.layer)));
    await rename(half.unpacked, join(dir, 'trash/layers', `${hex(half.layer)}.gone`));
    const images = createImages({
      dir,
      runtimeDir: fileURLToPath(new URL('../../runtime', import.meta.url)),
      programs: machinePrograms(process.arch),
      registries: { credentialsFile: '/nonexistent', plainHosts: [] },
    });
    await images.open({ exclusive: true });
    expect(await blobs.has(image.digest)).toBe(true);
    expect(await layerNames()).toEqual([hex(image.layer)]);
    expect(await readdir(join(dir, 'trash/layers'))).toEqual([]);
    expect((await stat(blobs.path(image.digest))).size).toBe(image.size);
    expect(digestOf(await blobs.readSmall(image.digest, 10_000))).toBe(image.digest);
  });
});
