import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { topmostFirst } from '../../src/images/layer-store.ts';
import { BlobStore, digestOf } from '../../src/images/blob-store.ts';
import { LayerStore } from '../../src/images/layer-store.ts';
import { lintRoot } from '../../src/images/root-linter.ts';
import { unpackLayer, unpackLimits } from '../../src/images/unpack/layer-unpacker.ts';
import { makeTar, type TarItem } from '../support/tar.ts';

const run = promisify(execFile);

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-layers-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** All that is in a tree: path, type, permissions, size, link, and what files say. */
const listing = String.raw`find . -printf '%P %y %m %l\n' -type f -exec md5sum {} + | sort`;

/** The layers as a sandbox sees them: mounted, in a mount namespace that ends with the command. */
async function mounted(layerDirs: readonly string[]): Promise<string> {
  const target = join(dir, 'mounted');
  mkdirSync(target, { recursive: true });
  mkdirSync(join(dir, 'empty'), { recursive: true });
  const lower = [...topmostFirst(layerDirs), join(dir, 'empty')].join(':');
  const mount = `mount -t overlay overlay -o ro,lowerdir=${lower} ${target}`;
  const script = `${mount} && cd ${target} && ${listing}`;
  return (await run('unshare', ['--mount', 'sh', '-c', script])).stdout;
}

async function unpackAll(store: string, tars: readonly Buffer[]): Promise<readonly string[]> {
  const blobs = new BlobStore(store);
  const layers = new LayerStore(join(store, 'layers'), blobs);
  await blobs.open();
  await layers.open();
  const dirs: string[] = [];
  for (const tar of tars) {
    const { digest, sizeBytes } = await blobs.put(tar);
    dirs.push(await layers.unpacked({ mediaType: 'tar', digest, size: sizeBytes }, digest));
  }
  return dirs;
}

/** The same layers as an OCI image, unpacked by umoci. */
async function unpackedByUmoci(tars: readonly Buffer[]): Promise<string> {
  const layout = join(dir, 'reference');
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  const put = (content: Buffer | string, mediaType: string) => {
    const hex = createHash('sha256').update(content).digest('hex');
    writeFileSync(join(layout, 'blobs/sha256', hex), content);
    return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(content) };
  };
  const oci = (name: string) => `application/vnd.oci.image.${name}`;
  const layers = tars.map((tar) => put(tar, oci('layer.v1.tar')));
  const config = put(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    }),
    oci('config.v1+json'),
  );
  const manifest = put(
    JSON.stringify({ schemaVersion: 2, mediaType: oci('manifest.v1+json'), config, layers }),
    oci('manifest.v1+json'),
  );
  const annotations = { 'org.opencontainers.image.ref.name': 'image' };
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(
    join(layout, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  );
  const bundle = join(dir, 'bundle');
  execFileSync('umoci', ['unpack', '--image', `${layout}:image`, bundle]);
  const { stdout } = await run('sh', ['-c', `cd ${bundle}/rootfs && ${listing}`]);
  await rm(layout, { recursive: true });
  await rm(bundle, { recursive: true });
  return stdout;
}

const folder = (name: string): TarItem => ({ name, type: 'directory', mode: 0o755 });

describe('layers on one another', () => {
  test.each<[string, TarItem[][]]>([
    [
      'hide what a whiteout names',
      [
        [folder('a'), { name: 'a/b', content: '1' }, { name: 'a/c', content: '2' }],
        [folder('a'), { name: 'a/.wh.b', content: '' }],
      ],
    ],
    [
      'hide all of an opaque folder, but what they have in it themselves',
      [
        [folder('a'), { name: 'a/b', content: '1' }, folder('a/d'), { name: 'a/d/e', content: '' }],
        [folder('a'), { name: 'a/new', content: '2' }, { name: 'a/.wh..wh..opq', content: '' }],
      ],
    ],
    [
      'put a folder in the place of another, and a file in the place of a folder',
      [
        [folder('a'), { name: 'a/b', content: '1' }, folder('c'), { name: 'c/d', content: '2' }],
        [{ name: '.wh.a', content: '' }, folder('a'), { name: 'a/x', content: '3' }],
        [{ name: 'c', content: 'now a file' }],
      ],
    ],
  ])('%s, as umoci has it', async (_, layers) => {
    const tars = await Promise.all(layers.map((items) => makeTar([folder('./'), ...items])));
    expect(await mounted(await unpackAll(join(dir, 'store'), tars))).toBe(
      await unpackedByUmoci(tars),
    );
  });

  test('pass over what AUFS kept for itself, as Docker does', async () => {
    const items = ['.wh..wh.plnk/1', '.wh..wh.aufs', 'a'].map((name) => ({ name, content: '' }));
    const dirs = await unpackAll(join(dir, 'store'), [await makeTar(items)]);
    expect(await readdir(dirs[0] ?? '')).toEqual(['a']);
  });

  /** Layers over few names, so that they meet: files, folders, links, whiteouts, opaque folders. */
  const names = fc.constantFrom('a', 'b', 'c');
  const entry = fc.oneof(
    fc.record({ kind: fc.constant('file'), dir: names, name: names, text: fc.string() }),
    fc.record({ kind: fc.constant('link'), dir: names, name: names, text: names }),
    fc.record({ kind: fc.constant('whiteout'), dir: names, name: names }),
    fc.record({ kind: fc.constant('opaque'), dir: names, name: names }),
  );
  type Made = typeof entry extends fc.Arbitrary<infer T> ? T : never;
  const layerOf = (entries: readonly Made[]): TarItem[] => {
    const items = new Map<string, TarItem>([['./', folder('./')]]);
    for (const made of entries) {
      items.set(made.dir, folder(made.dir));
      const path = `${made.dir}/${made.name}`;
      // A name is one thing in a layer: what it has itself and hides at once is tested above.
      const taken = items.has(path) || items.has(`${made.dir}/.wh.${made.name}`);
      if (made.kind === 'opaque') {
        items.set(`${made.dir}/.wh..wh..opq`, { name: `${made.dir}/.wh..wh..opq`, content: '' });
      } else if (taken) {
        continue;
      } else if (made.kind === 'whiteout') {
        const name = `${made.dir}/.wh.${made.name}`;
        items.set(name, { name, content: '' });
      } else if (made.kind === 'file' && 'text' in made) {
        items.set(path, { name: path, content: made.text, mode: 0o644 });
      } else if ('text' in made) {
        items.set(path, { name: path, type: 'symlink', linkname: made.text });
      }
    }
    // umoci applies an opaque mark when it comes to it: it has to stand before what the layer has.
    const isOpaque = ({ name }: TarItem) => name.endsWith('.opq');
    const all = [...items.values()];
    return [
      ...all.filter(({ type }) => type === 'directory'),
      ...all.filter(isOpaque),
      ...all.filter((item) => item.type !== 'directory' && !isOpaque(item)),
    ];
  };

  test('may be the same: what umoci makes of them', async () => {
    const empty = await makeTar(layerOf([]));
    const full = await makeTar([{ name: 'file', content: 'x' }]);
    const hidden = await makeTar([{ name: '.wh.file', content: '' }]);
    const tars = [empty, full, hidden, full, empty];
    const ours = await mounted(await unpackAll(join(dir, 'store'), tars));
    expect(ours).toBe(await unpackedByUmoci(tars));
    expect(ours).toContain('file f');
  });

  test('are what umoci makes of them, whatever they are', async () => {
    let count = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(entry, { maxLength: 8 }), { minLength: 1, maxLength: 3 }),
        async (layers) => {
          const tars = await Promise.all(layers.map((entries) => makeTar(layerOf(entries))));
          const ours = await mounted(await unpackAll(join(dir, `store${++count}`), tars));
          expect(ours).toBe(await unpackedByUmoci(tars));
        },
      ),
      { numRuns: 8 },
    );
  });
});

describe('the linter of roots', () => {
  const mountPoints = ['proc', 'dev', 'tmp', 'var', 'var/task'].map(folder);
  const image = `sha256:${'0'.repeat(64)}` as const;

  test.each<[string, TarItem[]]>([
    ['has /proc for a link', [{ name: 'proc', type: 'symlink', linkname: '/etc' }]],
    ['has /sys for a file', [{ name: 'sys', content: '' }]],
    ['hides /dev', [{ name: '.wh.dev', content: '' }]],
    ['has /var/task for a file', [folder('var'), { name: 'var/task', content: '' }]],
    ['has /var for a link', [{ name: 'var', type: 'symlink', linkname: '/tmp' }]],
  ])('refuses one whose upper layer %s', async (_, items) => {
    const tars = [await makeTar(mountPoints), await makeTar(items)];
    const dirs = await unpackAll(join(dir, 'store'), tars);
    await lintRoot(image, dirs.slice(0, 1));
    await expect(lintRoot(image, dirs.toReversed())).rejects.toThrow(/is not a folder/);
  });

  test('lets an image of the user be without a task folder', async () => {
    const hidden = [folder('var'), { name: 'var/.wh..wh..opq', content: '' }];
    const tars = [await makeTar(mountPoints), await makeTar(hidden)];
    const dirs = await unpackAll(join(dir, 'store'), tars);
    await expect(lintRoot(image, dirs.toReversed())).resolves.toBeUndefined();
  });
});

describe('a hostile layer', () => {
  const source = (tar: Buffer, blob: Buffer, mediaType: string) => ({
    content: Readable.from([blob]),
    sizeBytes: blob.length,
    mediaType,
    diffId: digestOf(tar),
  });

  test('that unpacks to far more than it is, is refused before it fills the disk', async () => {
    const bomb = await makeTar([{ name: 'a', content: '\0'.repeat(4 * 1024 ** 2) }]);
    const limits = { ...unpackLimits, ratioFreeBytes: 1024 ** 2 };
    const packed = source(bomb, gzipSync(bomb), '+gzip');
    await expect(unpackLayer(packed, dir, limits)).rejects.toMatchObject({
      code: 'too_large',
      reason: 'image.layer_too_large',
    });
    const plain = source(bomb, bomb, '');
    await expect(unpackLayer(plain, dir, { ...limits, bytes: 1e6 })).rejects.toMatchObject({
      code: 'too_large',
    });
  });

  test('with more entries than a layer may have is refused', async () => {
    const items = Array.from({ length: 20 }, (_, i) => ({ name: `f${i}`, content: '' }));
    const tar = await makeTar(items);
    const limits = { ...unpackLimits, entries: 10 };
    await expect(unpackLayer(source(tar, tar, ''), dir, limits)).rejects.toThrow(/over 10 entries/);
  });

  test('with an entry whose size is no number is refused', async () => {
    const tar = Buffer.from(await makeTar([{ name: 'file', content: 'content' }]));
    tar[124] = 0xac; // neither digits nor a number in base 256
    writeChecksum(tar, 0);
    await expect(unpackLayer(source(tar, tar, ''), dir)).rejects.toMatchObject({
      reason: 'image.broken_layer',
    });
  });

  test('that ends before its last file does is refused; one that ends with it is not', async () => {
    const content = 'x'.repeat(600);
    const tar = (await makeTar([{ name: 'file', content }])).subarray(0, 512 + content.length);
    await unpackLayer(source(tar, tar, ''), dir); // as umoci makes them
    expect(await readFile(join(dir, 'file'), 'utf8')).toBe(content);
    const cut = tar.subarray(0, -1);
    await rm(join(dir, 'file'));
    await expect(unpackLayer(source(cut, cut, ''), dir)).rejects.toMatchObject({
      reason: 'image.broken_layer',
    });
  });

  test('with any byte of its headers changed does nothing outside its folder and never hangs', async () => {
    const items: TarItem[] = [
      { name: 'dir/', type: 'directory' },
      { name: 'dir/file', content: 'content' },
      { name: 'link', type: 'symlink', linkname: '/etc/passwd' },
      { name: 'dir/hard', type: 'link', linkname: 'dir/file' },
      { name: 'x'.repeat(150), content: 'long', pax: { 'SCHILY.xattr.user.a': 'x' } },
    ];
    const tar = await makeTar(items);
    const inside = join(dir, 'inside');
    const change = fc.record({ at: fc.nat(tar.length - 1), byte: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        await rm(inside, { recursive: true, force: true });
        mkdirSync(inside);
        const fuzzed = Buffer.from(tar);
        for (const { at, byte } of changes) fuzzed[at] = byte;
        for (let header = 0; header < fuzzed.length; header += 512) writeChecksum(fuzzed, header);
        await unpackLayer(source(fuzzed, fuzzed, ''), inside).catch((error: unknown) => {
          expect(error).toMatchObject({ name: 'HostError' });
        });
        expect(await readdir(dir)).toEqual(['inside']);
      }),
      { numRuns: 200 },
    );
  });
});

/** So that a changed header is looked at, and not just called broken. */
function writeChecksum(tar: Buffer, at: number): void {
  if (tar.toString('latin1', at + 257, at + 262) !== 'ustar') return;
  tar.fill(' ', at + 148, at + 156);
  const sum = tar.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
  tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148);
}

test('the jail of an unpack has nothing in it but the folder, and no way out', async () => {
  await writeFile(join(dir, 'mine'), '');
  const jail = fileURLToPath(new URL('../../src/linux/jail.ts', import.meta.url));
  const script = `
    import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
    import { enterFolder } from ${JSON.stringify(jail)};
    enterFolder(${JSON.stringify(dir)});
    writeFileSync('/../../made', '');
    const tried = ['/etc/passwd', '/proc/self/root/etc/passwd', '../../../etc/passwd'].map((path) => {
      try { return readFileSync(path, 'utf8'); } catch (error) { return error.code; }
    });
    console.log(JSON.stringify({ seen: readdirSync('/'), tried }));`;
  const node = [process.execPath, '--input-type=module', '-e', script];
  const { stdout } = await run('unshare', ['--user', '--map-root-user', '--mount', '--', ...node]);
  expect(JSON.parse(stdout)).toEqual({
    seen: ['made', 'mine'],
    tried: ['ENOENT', 'ENOENT', 'ENOENT'],
  });
});
