import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BlobStore, digestOf } from '../../src/images/blob-store.ts';
import { createImages, machinePrograms } from '../../src/images/index.ts';
import { PublishedRepositories } from '../../src/images/registry/published.ts';
import { RepositoryStore } from '../../src/images/registry/repository-store.ts';
import { UploadStore } from '../../src/images/registry/upload-store.ts';
import { makeLayout, manifestDigest } from '../support/oci-layout.ts';
import type { PublishedRepository } from '../../src/domain/registry.ts';
import { RunningGateway, withKey } from '../support/running-gateway.ts';

const run = promisify(execFile);
const runtimeDir = fileURLToPath(new URL('../../runtime', import.meta.url));
const programs = machinePrograms(process.arch);
const registries = { credentialsFile: '/nonexistent', plainHosts: [] };

let dir: string;
let running: RunningGateway;
let host: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-registry-'));
  const deployed = new Map<string, PublishedRepository>();
  const images = createImages({
    dir: join(dir, 'images'),
    deployed: () => deployed,
    runtimeDir,
    programs,
    registries,
  });
  await images.open({ exclusive: true });
  const { digest } = await images.baseImages.ensure('node24');
  deployed.set('functions/f', { tags: new Map([['1', digest]]), digests: [digest] });
  running = await RunningGateway.start(images.registry);
  host = new URL(running.gateway.address).host;
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

interface SendOptions {
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
}

/** `path` after `/v2/`. */
function send(method: string, path: string, { headers, ...rest }: SendOptions = {}) {
  return running.send(method, `/v2/${path}`, { headers: { ...withKey, ...headers }, ...rest });
}
const errorsOf = (text: string) => (JSON.parse(text) as { errors: { code: string }[] }).errors;

async function pushBlob(repository: string, content: Buffer): Promise<string> {
  const digest = digestOf(content);
  const path = `${repository}/blobs/uploads/?digest=${digest}`;
  expect((await send('POST', path, { body: content })).status).toBe(201);
  return digest;
}

const configType = 'application/vnd.oci.image.config.v1+json';
const manifestType = 'application/vnd.oci.image.manifest.v1+json';

async function pushManifest(repository: string, reference: string, more: object = {}) {
  const config = Buffer.from('{}');
  const digest = await pushBlob(repository, config);
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: manifestType,
    config: { mediaType: configType, digest, size: config.length },
    layers: [],
    ...more,
  });
  const headers = { 'content-type': manifestType };
  const answer = await send('PUT', `${repository}/manifests/${reference}`, { headers, body });
  return { answer, body, digest: digestOf(Buffer.from(body)) };
}

describe('stock tools', () => {
  test('skopeo pushes an image and pulls the same', async () => {
    const image = makeLayout(dir, {
      '/etc/hello': 'hello',
      '/bin/large': randomBytes(3 * 1024 ** 2),
    });
    const options = ['--insecure-policy'];
    const remote = `docker://${host}/team/app:1`;
    const creds = 'root:secret';
    await run('skopeo', [
      ...options,
      'copy',
      '--dest-tls-verify=false',
      `--dest-creds=${creds}`,
      image,
      remote,
    ]);
    const back = join(dir, 'back');
    await run('skopeo', [
      ...options,
      'copy',
      '--src-tls-verify=false',
      `--src-creds=${creds}`,
      remote,
      `oci:${back}:image`,
    ]);
    expect(await manifestDigest(`oci:${back}:image`)).toBe(await manifestDigest(image));
    await run('umoci', ['unpack', '--image', `${back}:image`, join(dir, 'bundle')]);
    expect(await readdir(join(dir, 'bundle/rootfs/etc'))).toEqual(['hello']);
    const tags = await run('skopeo', [
      'list-tags',
      '--tls-verify=false',
      `--creds=${creds}`,
      `docker://${host}/team/app`,
    ]);
    expect(JSON.parse(tags.stdout)).toMatchObject({ Tags: ['1'] });
    await run('skopeo', ['delete', '--tls-verify=false', `--creds=${creds}`, remote]);
    expect((await send('GET', 'team/app/manifests/1')).status).toBe(404);
  });

  test('skopeo pulls a version and a base image, but cannot push over them', async () => {
    for (const name of ['functions/f:1', 'hearth/node24:latest']) {
      const digest = await manifestDigest(
        `docker://${host}/${name}`,
        '--tls-verify=false',
        '--creds=root:secret',
      );
      expect(digest).toMatch(/^sha256:/);
    }
    const { status, text } = await send('POST', 'functions/f/blobs/uploads/');
    expect(status).toBe(403);
    expect(errorsOf(text)).toMatchObject([{ code: 'DENIED' }]);
    const pushed = await send('PUT', 'hearth/node24/manifests/latest', { body: '{}' });
    expect(pushed.status).toBe(403);
  });
});

describe('a registry client', () => {
  test('without a key is told to log in, and gets in as docker login does', async () => {
    const refused = await running.send('GET', '/v2/');
    expect(refused.status).toBe(401);
    expect(refused.headers['www-authenticate']).toBe('Basic realm="Hearth"');
    expect(errorsOf(refused.text)).toMatchObject([{ code: 'UNAUTHORIZED' }]);
    const authorization = `Basic ${Buffer.from('root:secret').toString('base64')}`;
    const welcomed = await running.send('GET', '/v2/', { headers: { authorization } });
    expect(welcomed).toMatchObject({ status: 200, text: '{}' });
    const wrong = `Basic ${Buffer.from('root:other').toString('base64')}`;
    expect((await running.send('GET', '/v2/', { headers: { authorization: wrong } })).status).toBe(
      401,
    );
  });

  test('does what its key allows, repository by repository', async () => {
    const scopes = [
      { action: 'registry:push', pattern: 'team/*' },
      { action: 'registry:pull', pattern: 'team/*' },
    ] as const;
    const { secret } = await running.keys.create('ci', scopes, undefined);
    const headers = { authorization: `Bearer ci:${secret}` };
    const status = async (method: string, path: string) =>
      (await send(method, path, { headers })).status;
    expect(await status('GET', '')).toBe(200);
    expect(await status('POST', 'team/x/blobs/uploads/')).toBe(202);
    expect(await status('POST', 'other/blobs/uploads/')).toBe(403);
    expect(await status('GET', 'other/manifests/1')).toBe(403);
    const digest = await pushBlob('other', Buffer.from('not for them'));
    expect(await status('POST', `team/x/blobs/uploads/?mount=${digest}&from=other`)).toBe(202);
    expect(await status('HEAD', `team/x/blobs/${digest}`)).toBe(404);
    await pushManifest('other', '1');
    const catalog = await send('GET', '_catalog', { headers });
    expect(catalog.text).not.toContain('other');
  });

  test.each([
    ['GET', 'UPPER/manifests/1', 400, 'NAME_INVALID'],
    ['GET', '../../etc/manifests/1', 400, 'NAME_INVALID'],
    ['GET', 'a/_tags/manifests/1', 400, 'NAME_INVALID'],
    ['GET', 'a/blobs/sha256:12', 400, 'DIGEST_INVALID'],
    ['GET', `a/blobs/sha256:${'0'.repeat(64)}`, 404, 'BLOB_UNKNOWN'],
    ['GET', 'a/manifests/none', 404, 'MANIFEST_UNKNOWN'],
    ['GET', 'none/tags/list', 404, 'NAME_UNKNOWN'],
    ['PATCH', 'a/blobs/uploads/none', 404, 'BLOB_UPLOAD_UNKNOWN'],
    ['POST', 'a/tags/list', 405, 'UNSUPPORTED'],
    ['GET', 'elsewhere', 404, 'NAME_UNKNOWN'],
  ])('that asks %s %s is answered %i %s', async (method, path, status, code) => {
    const answer = await send(method, path);
    expect(answer.status).toBe(status);
    expect(errorsOf(answer.text)).toMatchObject([{ code }]);
  });
});

describe('a blob', () => {
  const content = randomBytes(100_000);
  const digest = digestOf(content);

  test('is pushed in pieces, each after the other, and read back in pieces', async () => {
    const begun = await send('POST', 'a/blobs/uploads/');
    expect(begun.status).toBe(202);
    const path = begun.headers.location!.slice('/v2/'.length);
    const piece = (start: number, end: number) =>
      send('PATCH', path, {
        headers: { 'content-range': `${start}-${end - 1}` },
        body: content.subarray(start, end),
      });
    expect((await piece(0, 40_000)).headers.range).toBe('0-39999');
    expect((await piece(50_000, 60_000)).status).toBe(416);
    expect(await send('GET', path)).toMatchObject({ status: 204, headers: { range: '0-39999' } });
    expect((await piece(40_000, 90_000)).status).toBe(202);
    const last = { body: content.subarray(90_000) };
    const done = await send('PUT', `${path}?digest=${digest}`, last);
    expect(done).toMatchObject({
      status: 201,
      headers: { location: `/v2/a/blobs/${digest}`, 'docker-content-digest': digest },
    });
    expect((await send('GET', path)).status).toBe(404);

    const head = await send('HEAD', `a/blobs/${digest}`);
    expect(head.headers['content-length']).toBe('100000');
    const range = await running.open('GET', `/v2/a/blobs/${digest}`, {
      headers: { ...withKey, range: 'bytes=10-19' },
    });
    expect(range.statusCode).toBe(206);
    expect(range.headers['content-range']).toBe('bytes 10-19/100000');
    expect(Buffer.concat(await range.toArray())).toEqual(content.subarray(10, 20));
    const beyond = await send('GET', `a/blobs/${digest}`, {
      headers: { range: 'bytes=100000-' },
    });
    expect(beyond.status).toBe(416);
  });

  test('that is not what its digest says is refused and leaves nothing', async () => {
    const wrong = digestOf(Buffer.from('other'));
    const answer = await send('POST', `a/blobs/uploads/?digest=${wrong}`, { body: content });
    expect(answer.status).toBe(400);
    expect(errorsOf(answer.text)).toMatchObject([{ code: 'DIGEST_INVALID' }]);
    expect((await send('HEAD', `a/blobs/${wrong}`)).status).toBe(404);
    expect(await readdir(join(dir, 'images/repositories/a/_uploads'))).toEqual([]);
  });

  test('is seen only in repositories that it was pushed to or mounted into', async () => {
    await pushBlob('a', content);
    expect((await send('HEAD', `b/blobs/${digest}`)).status).toBe(404);
    const unknown = await send('POST', `b/blobs/uploads/?mount=${digest}&from=none`);
    expect(unknown.status).toBe(202); // the client goes on and pushes it
    const mounted = await send('POST', `b/blobs/uploads/?mount=${digest}&from=a`);
    expect(mounted.status).toBe(201);
    expect((await send('HEAD', `b/blobs/${digest}`)).status).toBe(200);
    expect((await send('DELETE', `b/blobs/${digest}`)).status).toBe(202);
    expect((await send('HEAD', `b/blobs/${digest}`)).status).toBe(404);
    expect((await send('HEAD', `a/blobs/${digest}`)).status).toBe(200);
  });

  test('whose push was cut goes on where it stopped', async () => {
    const begun = await send('POST', 'cut/blobs/uploads/');
    const path = begun.headers.location!;
    const { hostname, port } = new URL(running.gateway.address);
    const cut = request({ method: 'PATCH', hostname, port, path, headers: withKey, agent: false });
    cut.on('error', () => {});
    cut.write(content.subarray(0, 30_000));
    const size = async () => (await running.send('GET', path, { headers: withKey })).headers.range;
    await expect.poll(size).toBe('0-29999');
    cut.destroy();
    const rest = { headers: withKey, body: content.subarray(30_000) };
    const done = await running.send('PUT', `${path}?digest=${digest}`, rest);
    expect(done.status).toBe(201);
  });

  test('over the limit is refused, and its upload is over', async () => {
    const blobs = new BlobStore(join(dir, 'small'));
    await blobs.open();
    const published = new PublishedRepositories(async () => new Map(), blobs);
    const repositories = new RepositoryStore(join(dir, 'small/repositories'), blobs, published);
    const uploads = new UploadStore(repositories, blobs, 1000);
    const id = await uploads.begin('a');
    const pieces = async function* () {
      for (let i = 0; i < 3; i++) yield Buffer.alloc(400);
    };
    await expect(uploads.append('a', id, pieces(), undefined)).rejects.toMatchObject({
      code: 'too_large',
    });
    await expect(uploads.size('a', id)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('that nobody finishes is removed after a day', async () => {
    const blobs = new BlobStore(join(dir, 'late'));
    await blobs.open();
    const published = new PublishedRepositories(async () => new Map(), blobs);
    const repositories = new RepositoryStore(join(dir, 'late/repositories'), blobs, published);
    const uploads = new UploadStore(repositories, blobs);
    const id = await uploads.begin('a');
    await uploads.removeExpired('a', Date.now() + 23 * 3600e3);
    expect(await uploads.size('a', id)).toBe(0);
    await uploads.removeExpired('a', Date.now() + 25 * 3600e3);
    await expect(uploads.size('a', id)).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('a manifest', () => {
  test('is served as it was pushed, by tag and by digest', async () => {
    const { answer, body, digest } = await pushManifest('m', 'one');
    expect(answer).toMatchObject({ status: 201, headers: { 'docker-content-digest': digest } });
    for (const reference of ['one', digest]) {
      const got = await send('GET', `m/manifests/${reference}`);
      expect(got).toMatchObject({ status: 200, text: body });
      expect(got.headers['content-type']).toBe(manifestType);
      expect(createHash('sha256').update(got.text).digest('hex')).toBe(digest.slice(7));
    }
    const head = await send('HEAD', 'm/manifests/one');
    expect(head).toMatchObject({
      status: 200,
      text: '',
      headers: { 'content-length': String(body.length) },
    });
  });

  test.each<[string, object, string]>([
    [
      'names a blob that was not pushed',
      { layers: [{ mediaType: 'x', digest: digestOf(Buffer.from('no')), size: 2 }] },
      'MANIFEST_BLOB_UNKNOWN',
    ],
    ['is an index, too', { manifests: [] }, 'MANIFEST_INVALID'],
    ['calls itself something else', { mediaType: 'text/plain' }, 'MANIFEST_INVALID'],
    ['has a bad digest', { layers: [{ digest: '../..', size: 1 }] }, 'MANIFEST_INVALID'],
    ['is of the first version', { schemaVersion: 1 }, 'MANIFEST_INVALID'],
  ])('that %s is refused', async (_, more, code) => {
    const { answer } = await pushManifest('refused', 'x', more);
    expect(answer.status).toBe(400);
    expect(errorsOf(answer.text)).toMatchObject([{ code }]);
  });

  test('goes with its tags, or a tag goes alone', async () => {
    const { digest } = await pushManifest('gone', 'one');
    await pushManifest('gone', 'two');
    expect((await send('DELETE', 'gone/manifests/two')).status).toBe(202);
    expect((await send('GET', 'gone/manifests/one')).status).toBe(200);
    expect((await send('DELETE', `gone/manifests/${digest}`)).status).toBe(202);
    expect((await send('GET', 'gone/manifests/one')).status).toBe(404);
    expect((await send('DELETE', `gone/manifests/${digest}`)).status).toBe(404);
  });

  test('is found by the manifest that it refers to', async () => {
    const { digest } = await pushManifest('signed', 'one');
    const subject = { mediaType: manifestType, digest, size: 1 };
    const signature = await pushManifest('signed', 'sig', {
      subject,
      artifactType: 'application/x-signature',
      annotations: { who: 'me' },
    });
    expect(signature.answer.headers['oci-subject']).toBe(digest);
    const list = async (query = '') => {
      const { text } = await send('GET', `signed/referrers/${digest}${query}`);
      return (JSON.parse(text) as { manifests: object[] }).manifests;
    };
    expect(await list()).toEqual([
      {
        mediaType: manifestType,
        digest: signature.digest,
        size: signature.body.length,
        artifactType: 'application/x-signature',
        annotations: { who: 'me' },
      },
    ]);
    expect(await list('?artifactType=other')).toEqual([]);
    await send('DELETE', `signed/manifests/${signature.digest}`);
    expect(await list()).toEqual([]);
  });

  test('lists come in pages', async () => {
    for (const tag of ['c', 'a', 'b']) await pushManifest('pages', tag);
    const first = await send('GET', 'pages/tags/list?n=2');
    expect(JSON.parse(first.text)).toEqual({ name: 'pages', tags: ['a', 'b'] });
    expect(first.headers.link).toBe('</v2/pages/tags/list?n=2&last=b>; rel="next"');
    const second = await send('GET', 'pages/tags/list?n=2&last=b');
    expect(JSON.parse(second.text)).toEqual({ name: 'pages', tags: ['c'] });
    const catalog = JSON.parse((await send('GET', '_catalog')).text) as { repositories: string[] };
    expect(catalog.repositories).toContain('pages');
    expect(catalog.repositories).toContain('functions/f');
  });
});
