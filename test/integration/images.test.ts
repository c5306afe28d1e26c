import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BlobStore, digestOf } from '../../src/images/blob-store.ts';
import { createImages, machinePrograms, type Images } from '../../src/images/index.ts';
import { LayerStore } from '../../src/images/layer-store.ts';
import { fakeSpec } from '../support/fake-sandbox.ts';
import { makeTar, type TarItem } from '../support/tar.ts';

const runtimeDir = fileURLToPath(new URL('../../runtime', import.meta.url));
const never = new AbortController().signal;
const programs = machinePrograms(process.arch);
const registries = { credentialsFile: '/nonexistent', plainHosts: [] };

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-images-'));
});
afterEach(() => rm(dir, { recursive: true }));

const tarStream = async (items: readonly TarItem[]) => Readable.from([await makeTar(items)]);

describe('a layer', () => {
  let blobs: BlobStore;
  let layers: LayerStore;
  const layersDir = () => join(dir, 'layers');
  beforeEach(async () => {
    blobs = new BlobStore(dir);
    layers = new LayerStore(layersDir(), blobs);
    await blobs.open();
    await layers.open();
  });

  async function unpack(
    tar: Buffer,
    compress: (tar: Buffer) => Buffer = (same) => same,
    type = '',
  ) {
    const { digest, sizeBytes } = await blobs.put(compress(tar));
    return await layers.unpacked(
      { mediaType: `layer.tar${type}`, digest, size: sizeBytes },
      digestOf(tar),
    );
  }

  const plain: TarItem[] = [
    { name: 'bin/', type: 'directory', mode: 0o700 },
    { name: 'bin/tool', content: '#!', mode: 0o4755 },
    { name: './etc/deep/file', content: 'text', mode: 0o600 },
    { name: 'link', type: 'symlink', linkname: '/etc/passwd' },
    { name: 'hard', type: 'link', linkname: 'bin/tool' },
  ];

  test.each([
    ['plain', (tar: Buffer) => tar, ''],
    ['gzip', gzipSync, '+gzip'],
    ['zstd', zstdCompressSync, '+zstd'],
  ])('is unpacked as it is (%s)', async (_, compress, type) => {
    const root = await unpack(await makeTar(plain), compress, type);
    expect(readFileSync(join(root, 'etc/deep/file'), 'utf8')).toBe('text');
    expect(lstatSync(join(root, 'link')).isSymbolicLink()).toBe(true);
    expect(statSync(join(root, 'hard')).ino).toBe(statSync(join(root, 'bin/tool')).ino);
  });

  test('has no setuid bits, and can be passed through and read by sandboxes', async () => {
    const root = await unpack(await makeTar(plain));
    expect(statSync(join(root, 'bin/tool')).mode & 0o7777).toBe(0o755);
    expect(statSync(join(root, 'bin')).mode & 0o555).toBe(0o555);
    expect(statSync(join(root, 'etc/deep/file')).mode & 0o444).toBe(0o444);
  });

  test('is unpacked once for all who ask at the same time, and found by who asks later', async () => {
    const tar = await makeTar(plain);
    const [first, second] = await Promise.all([unpack(tar), unpack(tar)]);
    const { ino } = statSync(first);
    expect(second).toBe(first);
    expect(statSync(await unpack(tar)).ino).toBe(ino);
  });

  test.each<[string, TarItem[]]>([
    ['climbs out of its folder', [{ name: '../out', content: 'x' }]],
    ['climbs out on the way', [{ name: 'a/../../out', content: 'x' }]],
    ['has an absolute path', [{ name: '/etc/passwd', content: 'x' }]],
    [
      'writes through a link',
      [
        { name: 'a', type: 'symlink', linkname: '/tmp' },
        { name: 'a/out', content: 'x' },
      ],
    ],
    [
      'replaces a file with another',
      [
        { name: 'a', content: '1' },
        { name: './a', content: '2' },
      ],
    ],
    [
      'replaces a folder with a link',
      [
        { name: 'a/b', content: '1' },
        { name: 'a', type: 'symlink', linkname: '/' },
      ],
    ],
    ['links to what is outside', [{ name: 'a', type: 'link', linkname: '../../etc/passwd' }]],
    [
      'links through a link',
      [
        { name: 'a', type: 'symlink', linkname: '/etc' },
        { name: 'b', type: 'link', linkname: 'a/passwd' },
      ],
    ],
    ['has a device', [{ name: 'a', type: 'character-device', devmajor: 1, devminor: 3 }]],
    ['has a pipe', [{ name: 'a', type: 'fifo' }]],
    ['hides no name', [{ name: 'a/.wh.', content: '' }]],
    ['hides its folder', [{ name: 'a/.wh..', content: '' }]],
    ['hides the folder above', [{ name: 'a/.wh...', content: '' }]],
    ['has something in a whiteout', [{ name: '.wh.a/b', content: '' }]],
    [
      'has a file with holes',
      [{ name: 'a', content: 'x', pax: { 'GNU.sparse.major': '1', 'GNU.sparse.name': 'a' } }],
    ],
    ['is whiteout and device at once', [{ name: 'a', type: 'character-device' }]],
    ['has a name that no file system takes', [{ name: 'x'.repeat(300), content: '' }]],
  ])('that %s is refused and leaves nothing', async (_, items) => {
    await expect(unpack(await makeTar(items))).rejects.toMatchObject({
      reason: 'image.unsafe_entry',
    });
    expect(readdirSync(layersDir())).toEqual([]);
  });

  test('that is not what its diffID says is refused and leaves nothing', async () => {
    const tar = await makeTar(plain);
    const { digest, sizeBytes } = await blobs.put(tar);
    const layer = { mediaType: 'layer.tar', digest, size: sizeBytes };
    const other = digestOf(Buffer.from('other'));
    await expect(layers.unpacked(layer, other)).rejects.toMatchObject({
      reason: 'image.wrong_layer',
    });
    expect(readdirSync(layersDir())).toEqual([]);
  });

  test('that is cut short is refused and leaves nothing', async () => {
    const tar = (await makeTar(plain)).subarray(0, 1500);
    await expect(unpack(gzipSync(tar), undefined, '+gzip')).rejects.toMatchObject({
      code: 'invalid',
    });
    await expect(unpack(tar)).rejects.toMatchObject({ code: 'invalid' });
    expect(readdirSync(layersDir())).toEqual([]);
  });

  test('that was being unpacked when the power went is forgotten', async () => {
    mkdirSync(join(layersDir(), 'unpacking-1', 'half'), { recursive: true });
    await layers.removeLeftovers();
    expect(readdirSync(layersDir())).toEqual([]);
  });
});

describe('a blob', () => {
  test('that is not what was claimed fails and leaves nothing', async () => {
    const blobs = new BlobStore(dir);
    await blobs.open();
    const content = Buffer.from('content');
    const put = (claim: Parameters<BlobStore['put']>[1]) =>
      blobs.put(Readable.from([content]), claim);
    await expect(put({ digest: digestOf(Buffer.from('x')) })).rejects.toThrow(/other content/);
    await expect(put({ sizeBytes: 3 })).rejects.toThrow(/not the 3 bytes/);
    await expect(put({ sizeBytes: 30 })).rejects.toThrow(/not the 30 bytes/);
    expect(readdirSync(join(dir, 'ingest'))).toEqual([]);
    expect(readdirSync(join(dir, 'blobs/sha256'))).toEqual([]);
    await put({ digest: digestOf(content), sizeBytes: 7 });
  });

  test('that has changed on the disk is found out', async () => {
    const blobs = new BlobStore(dir);
    await blobs.open();
    const { digest } = await blobs.put(Buffer.from('content'));
    await writeFile(blobs.path(digest), 'c0ntent');
    await expect(blobs.readSmall(digest, 100)).rejects.toThrow(/other content/);
    await expect(blobs.readSmall(digest, 3)).rejects.toThrow(/larger than 3/);
    const none = digestOf(Buffer.from('none'));
    await expect(blobs.readSmall(none, 3)).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('images', () => {
  let images: Images;
  beforeEach(async () => {
    images = createImages({ dir, runtimeDir, programs, registries });
    await images.open({ exclusive: true });
  });

  const spec = fakeSpec({ name: 'hello', entry: 'index.mjs', env: { A: '1' } });
  const files: TarItem[] = [
    { name: 'index.mjs', content: 'export default {}', mtime: new Date(1e12) },
    { name: 'hearth.json', content: '{}' },
    { name: 'lib/run', content: '#!/bin/sh', mode: 0o755 },
  ];

  test('of a runtime are built once, until something that they are made of changes', async () => {
    const first = await images.baseImages.ensure('node24');
    expect(first.built).toBe(true);
    expect(await images.baseImages.ensure('node24')).toEqual({ ...first, built: false });
    const changed = join(dir, 'runtime');
    await cp(runtimeDir, changed, { recursive: true });
    await writeFile(join(changed, 'node/bootstrap.mjs'), '// another');
    const others = createImages({ dir, runtimeDir: changed, programs, registries });
    const second = await others.baseImages.ensure('node24');
    expect(second.built).toBe(true);
    expect(second.digest).not.toBe(first.digest);
  });

  test('of a runtime stay what they are in a process, until they are to be looked at anew', async () => {
    const changing = join(dir, 'runtime');
    await cp(runtimeDir, changing, { recursive: true });
    const { baseImages } = createImages({ dir, runtimeDir: changing, programs, registries });
    const first = await baseImages.ensure('node24');
    await writeFile(join(changing, 'node/bootstrap.mjs'), '// another');
    expect(await baseImages.ensure('node24')).toEqual({ ...first, built: false });
    const second = await baseImages.refresh('node24');
    expect(second.built).toBe(true);
    expect(second.digest).not.toBe(first.digest);
    expect(await baseImages.refresh('node24')).toEqual({ ...second, built: false });
    expect(await baseImages.ensure('node24')).toEqual({ ...second, built: false });
  });

  test('of a function do not depend on order and times of its files', async () => {
    await images.baseImages.ensure('node24');
    const first = await images.packages.build(spec, await tarStream(files));
    const later = files.map((file) => ({ ...file, mtime: new Date(2e12), uid: 5 })).toReversed();
    expect(await images.packages.build(spec, await tarStream(later))).toBe(first);
    const other = await images.packages.build(
      fakeSpec({ ...spec, cpu: 2 }),
      await tarStream(files),
    );
    expect(other).not.toBe(first);
  });

  test('are prepared with the layers of the base below that of the function', async () => {
    await images.baseImages.ensure('node24');
    const digest = await images.packages.build(spec, await tarStream(files));
    const image = await images.provider.prepare(digest, never);
    expect(image.layerDirs).toHaveLength(3);
    const [top = '', language = '', base = ''] = image.layerDirs;
    expect(readdirSync(join(top, 'var/task')).toSorted()).toEqual(['index.mjs', 'lib']);
    expect(statSync(join(top, 'var/task/lib/run')).mode & 0o777).toBe(0o755);
    expect(statSync(join(language, 'usr/bin/node')).mode & 0o111).toBe(0o111);
    expect(statSync(join(base, 'tmp')).mode & 0o777).toBe(0o777);
    expect(image.entrypoint[0]).toBe('/usr/bin/hearth-init');
    expect(JSON.parse(image.labels['dev.hearth.function'] ?? '')).toMatchObject({
      env: { A: '1' },
    });
  });

  test('that do not exist are not found', async () => {
    const none = digestOf(Buffer.from('none'));
    await expect(images.provider.prepare(none, never)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('have their base built where that has not been done', async () => {
    await expect(images.baseImages.find('node24')).rejects.toMatchObject({
      reason: 'image.no_base',
    });
    await images.packages.build(spec, await tarStream(files));
    await images.baseImages.find('node24');
  });

  test.each<[string, TarItem[], string]>([
    ['without its entry', [{ name: 'other.mjs', content: '' }], 'package.no_entry'],
    ['with a link', [{ name: 'a', type: 'symlink', linkname: 'b' }], 'image.unsafe_entry'],
    ['that climbs out', [{ name: '../a', content: '' }], 'image.unsafe_entry'],
    ['with a file twice', [...files, ...files], 'image.unsafe_entry'],
    [
      'with a file in a file',
      [
        { name: 'a', content: '' },
        { name: 'a/b', content: '' },
      ],
      'image.unsafe_entry',
    ],
  ])('are not made from a package %s', async (_, items, reason) => {
    await expect(images.packages.build(spec, await tarStream(items))).rejects.toMatchObject({
      reason,
    });
  });

  test('are not made from what is no package or is too large', async () => {
    const build = (bytes: Buffer) => images.packages.build(spec, Readable.from([bytes]));
    await expect(build(Buffer.alloc(5000, 'no tar'))).rejects.toMatchObject({
      reason: 'package.not_a_tar',
    });
    const bomb = await makeTar([{ name: 'a', size: 0, content: '' }]);
    const claim = Buffer.from(bomb);
    claim.write('77777777777', 124); // the size, in octal: 8 GiB
    claim.write(checksum(claim), 148);
    await expect(build(claim)).rejects.toMatchObject({ reason: 'package.too_large' });
  });

  test('are a layout that stock tools read', async () => {
    const { digest } = await images.baseImages.ensure('node24');
    const inspected = execFileSync('skopeo', ['inspect', '--raw', `oci:${dir}:hearth/node24`]);
    expect(`sha256:${createHash('sha256').update(inspected).digest('hex')}`).toBe(digest);
    const bundle = join(dir, 'bundle');
    execFileSync('umoci', ['unpack', '--image', `${dir}:hearth/node24`, bundle]);
    const ours = join(dir, 'ours');
    for (const layer of (await images.provider.prepare(digest, never)).layerDirs.toReversed()) {
      await cp(layer, ours, { recursive: true, verbatimSymlinks: true });
    }
    const diff = execFileSync('diff', [
      '--recursive',
      '--no-dereference',
      ours,
      `${bundle}/rootfs`,
    ]);
    expect(diff.toString()).toBe('');
  });
});

/** Of a tar header: the sum of its bytes, with the field itself as spaces. */
function checksum(header: Buffer): string {
  header.fill(' ', 148, 156);
  const sum = header.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  return `${sum.toString(8).padStart(6, '0')}\0 `;
}
