import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ImageTransfer } from '../../src/domain/image-catalog.ts';
import { parseImageReference } from '../../src/domain/image-reference.ts';
import { digestOf } from '../../src/images/blob-store.ts';
import { addressKind } from '../../src/images/client/address-guard.ts';
import { createImages, machinePrograms, type Images } from '../../src/images/index.ts';
import { startDebianRegistry, type DebianRegistry } from '../support/debian-registry.ts';
import { makeLayout, manifestDigest } from '../support/oci-layout.ts';

const run = promisify(execFile);
const runtimeDir = fileURLToPath(new URL('../../runtime', import.meta.url));
const transfer: ImageTransfer = { signal: new AbortController().signal };

/** "user" with the password "secret". */
const htpasswd = 'user:$2b$05$32ddoNgfY9GWcTID5yAcYOTAMsx1bs7ncLl2O921zMpiLAToQ5nPO\n';

let dir: string;
let image: string;
let debian: DebianRegistry;
let credentialsFile: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-client-'));
  image = makeLayout(dir, { '/hello': 'hello', '/large': randomBytes(2 * 1024 ** 2) });
  debian = await startDebianRegistry(dir, htpasswd);
  credentialsFile = join(dir, 'config.json');
  const auth = Buffer.from('user:secret').toString('base64');
  await writeFile(credentialsFile, JSON.stringify({ auths: { [debian.host]: { auth } } }));
  const copy = ['copy', '--dest-tls-verify=false', '--dest-creds=user:secret'];
  const target = `docker://${debian.host}/team/app:1`;
  await run('skopeo', ['--insecure-policy', ...copy, image, target]);
});
afterAll(async () => {
  await debian[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

let count = 0;
async function newHost(
  credentials = credentialsFile,
  mirrors: Readonly<Record<string, readonly string[]>> = {},
): Promise<Images & { dir: string }> {
  const folder = join(dir, `host${++count}`);
  const registries = { credentialsFile: credentials, plainHosts: [], mirrors };
  const programs = machinePrograms(process.arch);
  const images = createImages({ dir: folder, runtimeDir, programs, registries });
  await mkdir(folder, { recursive: true });
  await images.open({ exclusive: true });
  return { ...images, dir: folder };
}
const catalogOf = (images: Images) => images.registry.catalog;
const blobPath = (host: { dir: string }, digest: string) =>
  join(host.dir, 'blobs', digest.replace(':', '/'));

describe("Debian's docker-registry", () => {
  test('gives the image that skopeo pushed, with the credentials that docker login stores', async () => {
    const host = await newHost();
    const catalog = catalogOf(host);
    const reference = parseImageReference(`${debian.host}/team/app:1`);
    const seen: number[] = [];
    const digest = await catalog.pull(reference, {
      ...transfer,
      onProgress: ({ doneBytes, totalBytes }) => seen.push(doneBytes / totalBytes),
    });
    expect(digest).toBe(await manifestDigest(image));
    expect(seen).toContain(1);
    expect(await catalog.list()).toMatchObject([
      { name: `${debian.host}/team/app:1`, digest, layers: 2 },
    ]);
    const unpacked = join(dir, 'unpacked');
    const name = `${host.dir}:${debian.host}/team/app:1`;
    await run('umoci', ['unpack', '--image', name, unpacked]);
    expect(await readFile(join(unpacked, 'rootfs/hello'), 'utf8')).toBe('hello');
    expect(await catalog.remove(reference)).toBe(true);
    expect(await catalog.remove(reference)).toBe(false);
    expect(await catalog.list()).toEqual([]);
  });

  test('takes an image, which skopeo gets back', async () => {
    const catalog = catalogOf(await newHost());
    const source = parseImageReference(`${debian.host}/team/app:1`);
    const digest = await catalog.pull(source, transfer);
    const target = parseImageReference(`${debian.host}/other/copy:2`);
    expect(await catalog.push(source, target, transfer)).toBe(digest);
    const options = ['--tls-verify=false', '--creds=user:secret'];
    expect(await manifestDigest(`docker://${debian.host}/other/copy:2`, ...options)).toBe(digest);
  });

  test('without credentials lets nobody in, and the error says what to do', async () => {
    const catalog = catalogOf(await newHost('/nonexistent'));
    const reference = parseImageReference(`${debian.host}/team/app:1`);
    await expect(catalog.pull(reference, transfer)).rejects.toThrow(`docker login ${debian.host}`);
  });

  test('does not have what nobody pushed', async () => {
    const catalog = catalogOf(await newHost());
    const reference = parseImageReference(`${debian.host}/team/app:none`);
    await expect(catalog.pull(reference, transfer)).rejects.toMatchObject({ code: 'not_found' });
  });
});

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A registry that answers by its script, for what a good one never does. */
async function scripted(answer: Answer): Promise<AsyncDisposable & { host: string }> {
  const server: Server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const layer = randomBytes(500_000);
const config = Buffer.from('{}');
const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const manifest = JSON.stringify({
  schemaVersion: 2,
  mediaType: manifestType,
  config: { mediaType: 'c', digest: digestOf(config), size: config.length },
  layers: [{ mediaType: 'l', digest: digestOf(layer), size: layer.length }],
});
const contents = new Map<string, Buffer>([
  [digestOf(layer), layer],
  [digestOf(config), config],
]);

/** Serves the image above, but where `odd` answers instead. */
const serving =
  (odd: (request: IncomingMessage, response: ServerResponse) => boolean): Answer =>
  (request, response) => {
    if (odd(request, response)) return;
    if (request.url?.includes('/manifests/')) {
      response.setHeader('content-type', manifestType);
      response.end(manifest);
      return;
    }
    response.end(contents.get(request.url?.split('/').at(-1) ?? ''));
  };
const isLayer = ({ url }: IncomingMessage) => url?.endsWith(digestOf(layer)) ?? false;
const pullFrom = async (host: Images, registry: string) =>
  await catalogOf(host).pull(parseImageReference(`${registry}/app:1`), transfer);

describe('a download', () => {
  test('that is cut goes on where it stopped', async () => {
    const ranges: (string | undefined)[] = [];
    await using registry = await scripted(
      serving((request, response) => {
        if (!isLayer(request)) return false;
        ranges.push(request.headers.range);
        const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0);
        if (start > 0) response.writeHead(206);
        response.write(layer.subarray(start, start + 200_000));
        if (start + 200_000 >= layer.length) response.end();
        else setImmediate(() => response.destroy());
        return true;
      }),
    );
    const host = await newHost();
    expect(await pullFrom(host, registry.host)).toBe(digestOf(Buffer.from(manifest)));
    expect(ranges.length).toBeGreaterThan(2);
    expect(ranges.slice(1).every((range) => /^bytes=\d+-$/.test(range ?? ''))).toBe(true);
    expect(await readFile(blobPath(host, digestOf(layer)))).toEqual(layer);
  });

  test('goes on after a crash with what had arrived, unless that is broken', async () => {
    const ranges: (string | undefined)[] = [];
    await using registry = await scripted(
      serving((request, response) => {
        if (!isLayer(request)) return false;
        ranges.push(request.headers.range);
        const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0);
        response.writeHead(start > 0 ? 206 : 200).end(layer.subarray(start));
        return true;
      }),
    );
    const good = await newHost();
    const partial = (host: { dir: string }) => join(host.dir, 'partial', digestOf(layer).slice(7));
    await writeFile(partial(good), layer.subarray(0, 1000));
    await pullFrom(good, registry.host);
    expect(ranges).toEqual(['bytes=1000-']);
    const bad = await newHost();
    await writeFile(partial(bad), 'broken');
    await pullFrom(bad, registry.host);
    expect(ranges.slice(1)).toEqual(['bytes=6-', undefined]);
    await expect(stat(partial(bad))).rejects.toThrow('ENOENT');
  });

  test('of something else than was announced is refused and leaves nothing', async () => {
    for (const wrong of [Buffer.alloc(layer.length), Buffer.concat([layer, layer])]) {
      await using registry = await scripted(
        serving((request, response) => {
          if (isLayer(request)) response.end(wrong);
          return isLayer(request);
        }),
      );
      const host = await newHost();
      await expect(pullFrom(host, registry.host)).rejects.toMatchObject({
        reason: 'image.broken_blob',
      });
      await expect(stat(blobPath(host, digestOf(layer)))).rejects.toThrow('ENOENT');
    }
  });

  test('is shared by those who want it at the same time', async () => {
    let requests = 0;
    await using registry = await scripted(
      serving((request) => {
        if (isLayer(request)) requests += 1;
        return false;
      }),
    );
    const host = await newHost();
    const catalog = catalogOf(host);
    const reference = parseImageReference(`${registry.host}/app:1`);
    await Promise.all([catalog.pull(reference, transfer), catalog.pull(reference, transfer)]);
    expect(requests).toBe(1);
  });

  test('goes on for the others when who began it gives up', async () => {
    const { promise: isHalf, resolve: tellHalf } = Promise.withResolvers<void>();
    let requests = 0;
    await using registry = await scripted(
      serving((request, response) => {
        if (!isLayer(request) || ++requests > 1) return false;
        response.write(layer.subarray(0, 200_000));
        tellHalf();
        return true; // and no more
      }),
    );
    const catalog = catalogOf(await newHost());
    const reference = parseImageReference(`${registry.host}/app:1`);
    const impatience = new AbortController();
    const first = catalog.pull(reference, { signal: impatience.signal });
    const isRefused = expect(first).rejects.toThrow('enough');
    await isHalf;
    const second = catalog.pull(reference, transfer);
    impatience.abort(new Error('enough'));
    await isRefused;
    expect(await second).toBe(digestOf(Buffer.from(manifest)));
  });

  test('is tried again when the registry is overloaded', async () => {
    let refused = 0;
    await using registry = await scripted(
      serving((request, response) => {
        if (!isLayer(request) || refused === 2) return false;
        refused += 1;
        response.writeHead(503).end();
        return true;
      }),
    );
    await pullFrom(await newHost(), registry.host);
    expect(refused).toBe(2);
  });

  test('takes the image for this machine out of many', async () => {
    const child = (architecture: string, digest: string) => ({
      mediaType: manifestType,
      digest,
      size: manifest.length,
      platform: { os: 'linux', architecture },
    });
    const mine = process.arch === 'x64' ? 'amd64' : process.arch;
    const index = JSON.stringify({
      schemaVersion: 2,
      manifests: [
        child('mips', digestOf(Buffer.from('other'))),
        child(mine, digestOf(Buffer.from(manifest))),
      ],
    });
    await using registry = await scripted(
      serving((request, response) => {
        if (!request.url?.endsWith('/manifests/1')) return false;
        response.setHeader('content-type', 'application/vnd.oci.image.index.v1+json');
        response.end(index);
        return true;
      }),
    );
    expect(await pullFrom(await newHost(), registry.host)).toBe(digestOf(Buffer.from(manifest)));
  });
});

describe('a mirror', () => {
  const pullBy = async (mirrors: readonly string[], origin: string) => {
    const host = await newHost(credentialsFile, { [origin]: mirrors });
    await pullFrom(host, origin);
    return await readFile(blobPath(host, digestOf(layer)));
  };
  const counting = async (odd: Parameters<typeof serving>[0] = () => false) => {
    const paths: string[] = [];
    const server = await scripted(
      serving((request, response) => {
        paths.push(request.url ?? '');
        return odd(request, response);
      }),
    );
    return { ...server, paths };
  };

  test('gives images, below its own prefix, in the place of the registry', async () => {
    await using origin = await counting();
    await using mirror = await counting();
    expect(await pullBy([`${mirror.host}/hub`], origin.host)).toEqual(layer);
    expect(mirror.paths).toContain('/v2/hub/app/manifests/1');
    expect(origin.paths).toEqual([]);
  });

  test('that lacks something or sends something else is passed over, for the next, then the registry', async () => {
    await using origin = await counting();
    await using empty = await counting((_request, response) => {
      response.writeHead(404).end();
      return true;
    });
    await using lying = await counting((request, response) => {
      if (isLayer(request)) response.end(randomBytes(layer.length));
      return isLayer(request);
    });
    expect(await pullBy([empty.host, lying.host], origin.host)).toEqual(layer);
    const asked = [empty, lying, origin].map(({ paths }) => paths.length > 0);
    expect(asked).toEqual([true, true, true]);
    await using good = await counting();
    await using spared = await counting();
    expect(await pullBy([empty.host, good.host], spared.host)).toEqual(layer);
    expect(spared.paths).toEqual([]);
  });

  test('that does not know either is no reason: the registry says what is wrong', async () => {
    await using none = await counting((_request, response) => {
      response.writeHead(404).end();
      return true;
    });
    const host = await newHost(credentialsFile, { [none.host]: [none.host] });
    await expect(pullFrom(host, none.host)).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('a token', () => {
  test('is got with the credentials, and neither goes along with a redirect', async () => {
    const elsewhere: (string | undefined)[] = [];
    await using store = await scripted((request, response) => {
      elsewhere.push(request.headers.authorization);
      response.end(layer);
    });
    const tokens: (string | undefined)[] = [];
    await using registry = await scripted(
      serving((request, response) => {
        if (request.url?.startsWith('/token?')) {
          tokens.push(request.headers.authorization);
          expect(request.url).toContain('scope=repository%3Aapp%3Apull');
          response.end(JSON.stringify({ token: 'abc' }));
          return true;
        }
        if (request.headers.authorization !== 'Bearer abc') {
          const realm = `http://${request.headers.host}/token`;
          response.setHeader('www-authenticate', `Bearer realm="${realm}",service="s"`);
          response.writeHead(401).end();
          return true;
        }
        if (isLayer(request)) response.writeHead(307, { location: `http://${store.host}/x` }).end();
        return isLayer(request);
      }),
    );
    const file = join(dir, 'tokens.json');
    const auths = { [registry.host]: { username: 'user', password: 'secret' } };
    await writeFile(file, JSON.stringify({ auths }));
    await pullFrom(await newHost(file), registry.host);
    expect(tokens).toEqual([`Basic ${Buffer.from('user:secret').toString('base64')}`]);
    expect(elsewhere).toEqual([undefined]);
  });
});

describe('a redirect', () => {
  test.each([
    ['http://169.254.169.254/latest', /link-local/],
    ['http://10.0.0.1/x', /not encrypted/],
    ['https://192.168.1.1/x', /private network/],
    ['file:///etc/passwd', /not HTTP/],
  ])('to %s is not followed', async (location, message) => {
    await using registry = await scripted((_request, response) => {
      response.writeHead(302, { location }).end();
    });
    await expect(pullFrom(await newHost(), registry.host)).rejects.toThrow(message);
  });

  test('knows what is public and what is not', () => {
    expect(['127.0.0.1', '::1', '::ffff:127.0.0.1'].map(addressKind)).toEqual(
      Array(3).fill('loopback'),
    );
    const inner = ['10.1.2.3', '172.16.0.1', '192.168.0.1', '100.64.0.1', '0.0.0.0', 'fd00::1'];
    expect(inner.map(addressKind)).toEqual(inner.map(() => 'inner'));
    expect(['93.184.216.34', '2606:2800::1'].map(addressKind)).toEqual(['public', 'public']);
    expect(() => addressKind('169.254.169.254')).toThrow(/link-local/);
  });
});
