import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BlobStore } from '../../src/images/blob-store.ts';
import { LayerStore } from '../../src/images/layer-store.ts';
import { makeTar, type TarItem } from '../support/tar.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hearth-attributes-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const python = (script: string, ...args: readonly string[]) =>
  execFileSync('/usr/bin/python3', ['-c', script, ...args], { encoding: 'utf8' });

type AttributesByPath = Readonly<Record<string, Readonly<Record<string, string>>>>;

const listing = `
import json, os, sys
os.chdir(sys.argv[1])
paths = sorted(os.path.join(top, name) for top, dirs, files in os.walk('.') for name in dirs + files)
hex = lambda path, name: os.getxattr(path, name, follow_symlinks=False).hex()
names = lambda path: sorted(os.listxattr(path, follow_symlinks=False))
print(json.dumps({path: {name: hex(path, name) for name in names(path)} for path in paths}))`;

/** In hex, of all that lies below. */
const attributesIn = (root: string) => JSON.parse(python(listing, root)) as AttributesByPath;

/** As a sandbox sees a layer: through overlayfs, in a mount namespace that ends with the command. */
function attributesMounted(layer: string): AttributesByPath {
  const [target, empty] = [join(dir, 'mounted'), join(dir, 'empty')];
  for (const made of [target, empty]) mkdirSync(made);
  const script = `mount -t overlay overlay -o ro,lowerdir=${layer}:${empty} "$1" && python3 -c "$2" "$1"`;
  const args = ['--mount', 'sh', '-c', script, 'sh', target, listing];
  return JSON.parse(execFileSync('unshare', args, { encoding: 'utf8' })) as AttributesByPath;
}

/** A tree with attributes of every kind that this machine has, as GNU tar packs it. */
function tarOfTree(): string {
  const tree = join(dir, 'tree');
  const file = join(dir, 'layer.tar');
  python(
    `
import os, sys
os.makedirs(sys.argv[1] + '/folder'); os.chdir(sys.argv[1])
for name in ('file', 'plain', 'folder/inner'): open(name, 'w').close()
os.link('file', 'folder/same'); os.symlink('file', 'link'); os.chmod('folder/inner', 0o444)
os.setxattr('file', 'user.bytes', bytes(range(256)))
os.setxattr('file', 'user.text', 'é'.encode())
os.setxattr('folder', 'user.of-folder', b'x' * 3000)
os.setxattr('folder/inner', 'user.checksum', b'\\xff\\xfe')
os.setxattr('plain', 'trusted.overlay.redirect', b'/etc')
os.setxattr('plain', 'trusted.other', b'y')
os.setxattr('plain', 'user.overlay.opaque', b'y')
os.setxattr('folder', 'trusted.overlay.opaque', b'y')`,
    tree,
  );
  execFileSync('tar', ['--xattrs', '--xattrs-include=*', '-C', tree, '-cf', file, '.']);
  return file;
}

function unpackedByUmoci(layer: string): string {
  const image = `${join(dir, 'layout')}:image`;
  const umoci = (...args: readonly string[]) => execFileSync('umoci', args);
  umoci('init', '--layout', join(dir, 'layout'));
  umoci('new', '--image', image);
  umoci('raw', 'add-layer', '--image', image, layer);
  umoci('unpack', '--image', image, join(dir, 'bundle'));
  return join(dir, 'bundle', 'rootfs');
}

async function unpack(tar: Buffer): Promise<string> {
  const blobs = new BlobStore(join(dir, 'store'));
  const layers = new LayerStore(join(dir, 'store', 'layers'), blobs);
  await blobs.open();
  await layers.open();
  const { digest, sizeBytes } = await blobs.put(tar);
  return await layers.unpacked({ mediaType: 'tar', digest, size: sizeBytes }, digest);
}

const isForUsers = (name: string) => /^user\.(?!overlay\.)/.test(name);

describe('extended attributes', () => {
  test("of users are umoci's, byte for byte, and those that mean something are gone", async () => {
    const tar = tarOfTree();
    const reference = attributesIn(unpackedByUmoci(tar));
    const expected = Object.entries(reference).map(([path, attributes]) => [
      path,
      Object.fromEntries(Object.entries(attributes).filter(([name]) => isForUsers(name))),
    ]);
    const layer = await unpack(readFileSync(tar));
    expect(attributesIn(layer)).toEqual(Object.fromEntries(expected));
    expect(attributesMounted(layer)).toEqual(attributesIn(layer));
    expect(attributesIn(layer)).toMatchObject({
      './file': {
        'user.bytes': Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('hex'),
      },
      './folder': { 'user.of-folder': '78'.repeat(3000) },
      './folder/inner': { 'user.checksum': 'fffe' },
      './folder/same': { 'user.text': 'c3a9' },
      './plain': {},
    });
  });

  const withAttribute = (item: TarItem, value: string): TarItem => ({
    ...item,
    pax: { 'SCHILY.xattr.user.a': value },
  });

  test('are those of the entry that follows them, also when it is a link', async () => {
    const tar = await makeTar([
      { name: 'before', content: 'x' },
      withAttribute({ name: 'file', content: 'x' }, '1'),
      withAttribute({ name: 'link', type: 'symlink', linkname: 'after' }, '2'),
      { name: 'after', content: 'x' },
    ]);
    expect(attributesIn(await unpack(tar))).toEqual({
      './before': {},
      './file': { 'user.a': '31' },
      './link': {},
      './after': {},
    });
  });

  test('that are too large end the unpack, and nothing is left', async () => {
    const tar = await makeTar([withAttribute({ name: 'file' }, 'x'.repeat(70_000))]);
    await expect(unpack(tar)).rejects.toMatchObject({ reason: 'image.unsafe_entry' });
    expect(attributesIn(join(dir, 'store', 'layers'))).toEqual({});
  });
});
