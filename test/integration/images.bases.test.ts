import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Digest } from '../../src/domain/ids.ts';
import { BlobStore } from '../../src/images/blob-store.ts';
import { createImages, machinePrograms, type Images } from '../../src/images/index.ts';
import { readImage } from '../../src/images/manifest.ts';
import { startDebianRegistry, type DebianRegistry } from '../support/debian-registry.ts';
import { makeLayout } from '../support/oci-layout.ts';

const runtimeDir = fileURLToPath(new URL('../../runtime', import.meta.url));
const programs = machinePrograms(process.arch);
const htpasswd = 'user:$2b$05$32ddoNgfY9GWcTID5yAcYOTAMsx1bs7ncLl2O921zMpiLAToQ5nPO\n';
const never = new AbortController().signal;

let dir: string;
let registry: DebianRegistry;
let images: Images;
let reference: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-bases-'));
  registry = await startDebianRegistry(dir, htpasswd);
  reference = `${registry.host}/bases/node:1`;
  push({ '/opt/lang/bin/node': 'not really', '/etc/os-release': 'NAME=Other' });
  const credentialsFile = join(dir, 'auth.json');
  const auth = Buffer.from('user:secret').toString('base64');
  await writeFile(credentialsFile, JSON.stringify({ auths: { [registry.host]: { auth } } }));
  images = createImages({
    dir: join(dir, 'images'),
    runtimeDir,
    programs,
    baseReferences: { node24: reference, bun1: reference },
    registries: { credentialsFile, plainHosts: [] },
  });
  await images.open({ exclusive: true });
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

let layouts = 0;
function push(files: Readonly<Record<string, string>>): void {
  const folder = join(dir, `layout-${++layouts}`);
  execFileSync('mkdir', [folder]);
  const image = makeLayout(folder, files);
  const env = ['--config.env=PATH=/opt/lang/bin:/bin', '--config.env=HOME=/root'];
  execFileSync('umoci', ['config', '--image', image.slice('oci:'.length), ...env]);
  const options = ['--quiet', '--dest-tls-verify=false', '--dest-creds=user:secret'];
  execFileSync('skopeo', ['copy', ...options, image, `docker://${reference}`]);
}

const configOf = async (digest: Digest) => {
  const { manifest, config } = await readImage(new BlobStore(join(dir, 'images')), digest);
  return { layers: manifest.layers.length, ...config.config };
};

describe('a base image on one of a registry', () => {
  test('has its program and its variables, and on top what every sandbox needs', async () => {
    const { digest, built } = await images.baseImages.ensure('node24');
    expect(built).toBe(true);
    expect(await configOf(digest)).toMatchObject({
      layers: 3,
      Entrypoint: [
        '/usr/bin/hearth-init',
        '--',
        '/opt/lang/bin/node',
        '/usr/lib/hearth/bootstrap.mjs',
      ],
      Env: ['PATH=/opt/lang/bin:/bin', 'HOME=/tmp', 'LANG=C.UTF-8'],
      User: '1000:1000',
    });
    // Its root is linted: it has folders where something is mounted.
    expect((await images.provider.prepare(digest, never)).layerDirs).toHaveLength(3);
    expect(await images.baseImages.refresh('node24')).toEqual({ digest, built: false });
  });

  test('is made anew when the registry has another', async () => {
    const { digest } = await images.baseImages.ensure('node24');
    push({ '/opt/lang/bin/node': 'a newer one' });
    expect(await images.baseImages.ensure('node24')).toEqual({ digest, built: false });
    const newer = await images.baseImages.refresh('node24');
    expect(newer.built).toBe(true);
    expect(newer.digest).not.toBe(digest);
  });

  test('is refused where the program is not in it', async () => {
    await expect(images.baseImages.ensure('bun1')).rejects.toMatchObject({
      reason: 'image.base_lacks_program',
      message: expect.stringContaining(`${reference} has no program "bun"`) as string,
    });
  });

  test('stays what it was while the registry is away', async () => {
    const { digest } = await images.baseImages.ensure('node24');
    await registry[Symbol.asyncDispose]();
    expect(await images.baseImages.refresh('node24')).toEqual({ digest, built: false });
    await expect(images.baseImages.refresh('bun1')).rejects.toMatchObject({ code: 'unavailable' });
  });
});
