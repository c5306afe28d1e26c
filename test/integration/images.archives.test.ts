import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ArchiveImporter } from '../../src/images/archive-importer.ts';
import { BlobStore } from '../../src/images/blob-store.ts';
import { imageUser } from '../../src/images/image-user.ts';
import { readImage } from '../../src/images/manifest.ts';
import { makeTar, type TarItem } from '../support/tar.ts';

const limitBytes = 100_000;
const platform = process.arch === 'x64' ? 'amd64' : process.arch;
const digestOf = (content: Buffer) =>
  `sha256:${createHash('sha256').update(content).digest('hex')}` as const;
const json = (value: unknown) => Buffer.from(JSON.stringify(value));

let dir: string;
let blobs: BlobStore;
let importer: ArchiveImporter;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-archives-'));
  blobs = new BlobStore(dir);
  await blobs.open();
  importer = new ArchiveImporter(blobs, limitBytes);
});
afterEach(() => rm(dir, { recursive: true }));

const layer = await makeTar([{ name: 'file', content: 'content' }]);
const config = json({
  architecture: platform,
  os: 'linux',
  config: { Cmd: ['/file'] },
  rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
});
const manifest = json({
  schemaVersion: 2,
  config: { mediaType: 'c', digest: digestOf(config), size: config.length },
  layers: [{ mediaType: 'l', digest: digestOf(layer), size: layer.length }],
});
const blob = (content: Buffer): TarItem => ({
  name: `blobs/sha256/${digestOf(content).slice(7)}`,
  content,
});
const listed = (content: Buffer, more: object = {}) => ({
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: digestOf(content),
  size: content.length,
  ...more,
});
const index = (...manifests: object[]): TarItem => ({
  name: 'index.json',
  content: json({ manifests }),
});
const parts = [blob(layer), blob(config), blob(manifest)];

const take = async (items: readonly TarItem[]) =>
  await importer.import(Readable.from([await makeTar([...items])]));

describe('an archive', () => {
  test('of an OCI layout becomes its image, gzipped or not', async () => {
    const items = [...parts, index(listed(manifest))];
    expect(await take(items)).toBe(digestOf(manifest));
    const gzipped = gzipSync(await makeTar(items));
    expect(await importer.import(Readable.from([gzipped]))).toBe(digestOf(manifest));
  });

  test('for several platforms gives the image for this one', async () => {
    const other = { platform: { os: 'linux', architecture: 's390x' } };
    const ours = { platform: { os: 'linux', architecture: platform } };
    const list = json({ manifests: [listed(config, other), listed(manifest, ours)] });
    const type = { mediaType: 'application/vnd.oci.image.index.v1+json' };
    expect(await take([...parts, blob(list), index(listed(list, type))])).toBe(digestOf(manifest));
    await expect(take([...parts, index(listed(manifest, other))])).rejects.toMatchObject({
      reason: 'image.no_platform',
    });
  });

  test('of docker save becomes an image with the same layers and configuration', async () => {
    const list = json([{ Config: 'c.json', RepoTags: ['a:1'], Layers: ['x/layer.tar'] }]);
    const digest = await take([
      { name: 'y/layer.tar', content: layer },
      { name: 'x/layer.tar', type: 'symlink', linkname: '../y/layer.tar' },
      { name: 'c.json', content: config },
      { name: 'manifest.json', content: list },
    ]);
    const image = await readImage(blobs, digest);
    expect(image.manifest.layers.map((one) => one.digest)).toEqual([digestOf(layer)]);
    expect(image.manifest.config.digest).toBe(digestOf(config));
  });

  test.each<[string, readonly TarItem[], string]>([
    ['nothing', [], 'neither an index.json nor a manifest.json'],
    ['lacks a layer', [blob(config), blob(manifest), index(listed(manifest))], 'lacks the layer'],
    [
      'has a blob that is not what its name says',
      [{ ...blob(layer), content: 'x' }],
      'other content',
    ],
    ['holds two images', [{ name: 'manifest.json', content: '[{},{}]' }], 'has 2 images'],
    ['has a list that is not JSON', [{ name: 'index.json', content: '{' }], 'is not JSON'],
    ['leads out of itself', [{ name: '../a', content: '' }], 'leaves its folder'],
    [
      'is too large',
      [{ name: 'a', content: Buffer.alloc(limitBytes + 1) }],
      'may have 100000 bytes',
    ],
  ])('that %s is refused', async (_, items, message) => {
    await expect(take(items)).rejects.toThrow(message);
    expect(await readdir(join(dir, 'ingest'))).toEqual([]);
  });

  test('that is no archive at all is refused', async () => {
    const noise = Readable.from([Buffer.alloc(5000, 'noise')]);
    await expect(importer.import(noise)).rejects.toMatchObject({ reason: 'image.broken_archive' });
    await expect(importer.import(Readable.from([]))).rejects.toMatchObject({ code: 'invalid' });
  });
});

describe('the user of an image', () => {
  beforeEach(async () => {
    await mkdir(join(dir, 'top/etc'), { recursive: true });
    await mkdir(join(dir, 'low/etc'), { recursive: true });
    await writeFile(join(dir, 'low/etc/passwd'), 'root:x:0:0::/:\napp:x:12:34::/:\n');
    await writeFile(join(dir, 'low/etc/group'), 'root:x:0:\nteam:x:56:app\n');
  });
  const user = (wanted: string) => imageUser(wanted, [join(dir, 'top'), join(dir, 'low')]);

  test.each([
    ['', 1000, 1000],
    ['root', 1000, 1000],
    ['0:0', 1000, 1000],
    ['7', 7, 7],
    ['7:8', 7, 8],
    ['app', 12, 34],
    ['app:team', 12, 56],
    ['7:root', 7, 1000],
    ['nobody-knows', 1000, 1000],
    ['99999', 1000, 1000],
    ['../../etc', 1000, 1000],
  ])('"%s" is %i:%i', async (wanted, uid, gid) => {
    expect(await user(wanted)).toEqual({ uid, gid });
  });

  test('is not read through a link, which leads to a file of the host', async () => {
    expect(existsSync('/etc/passwd')).toBe(true);
    await symlink('/etc/passwd', join(dir, 'top/etc/passwd'));
    expect(await user('daemon')).toEqual({ uid: 1000, gid: 1000 });
  });
});
