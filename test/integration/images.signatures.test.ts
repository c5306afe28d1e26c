import { execFile } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ImageTransfer } from '../../src/domain/image-catalog.ts';
import { parseImageReference } from '../../src/domain/image-reference.ts';
import { createImages, machinePrograms, type Images } from '../../src/images/index.ts';
import { makeSignature, signatureTag, type SignatureOptions } from '../support/cosign-signature.ts';
import { startDebianRegistry, type DebianRegistry } from '../support/debian-registry.ts';
import { makeLayout, manifestDigest } from '../support/oci-layout.ts';
import { RunningGateway } from '../support/running-gateway.ts';

const run = promisify(execFile);
const runtimeDir = fileURLToPath(new URL('../../runtime', import.meta.url));
const transfer: ImageTransfer = { signal: new AbortController().signal };
const creds = 'root:secret';

const ecdsa = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed25519 = generateKeyPairSync('ed25519');
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });

let dir: string;
let image: string;
let digest: string;
let debian: DebianRegistry;
let images: Images;
let gateway: RunningGateway;
let ours: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearth-signatures-'));
  image = makeLayout(dir, { '/hello': 'hello' });
  digest = await manifestDigest(image);
  debian = await startDebianRegistry(dir);
  const keyFile = async (name: string, key: KeyObject) => {
    await writeFile(join(dir, name), key.export({ type: 'spki', format: 'pem' }));
    return join(dir, name);
  };
  const keyFiles = [
    await keyFile('ec.pub', ecdsa.publicKey),
    await keyFile('ed.pub', ed25519.publicKey),
  ];
  images = createImages({
    dir: join(dir, 'images'),
    runtimeDir,
    programs: machinePrograms(process.arch),
    registries: {
      credentialsFile: join(dir, 'credentials.json'),
      plainHosts: [],
      signatureRules: [
        { pattern: '*/free/*', keyFiles: [] },
        { pattern: '*/lost/*', keyFiles: [join(dir, 'none.pub')] },
        { pattern: '*', keyFiles },
      ],
    },
  });
  await images.open({ exclusive: true });
  gateway = await RunningGateway.start(images.registry);
  ours = new URL(gateway.gateway.address).host;
  const auths = { [ours]: { username: 'root', password: 'secret' } };
  await writeFile(join(dir, 'credentials.json'), JSON.stringify({ auths }));
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await debian?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

const pull = (name: string) => images.registry.catalog.pull(parseImageReference(name), transfer);

async function push(source: string, name: string): Promise<void> {
  const options = ['--dest-tls-verify=false', '--preserve-digests', `--dest-creds=${creds}`];
  await run('skopeo', ['--insecure-policy', 'copy', ...options, source, `docker://${name}`]);
}

/** Both registries: another, with its host in the name of an image, and ours, which has none. */
const registries = [
  ['of another registry', () => debian.host, (name: string) => `${debian.host}/${name}`],
  ['that was pushed here', () => ours, (name: string) => name],
] as const;

describe.each(registries)('an image %s', (_, host, named) => {
  const signed = async (repository: string, options: Partial<SignatureOptions>) => {
    const name = `${host()}/${repository}`;
    await push(image, `${name}:1`);
    const signature = makeSignature(dir, { digest, name, key: ecdsa.privateKey, ...options });
    await push(signature, `${name}:${signatureTag(options.digest ?? digest)}`);
    return signature;
  };

  test('without a signature is refused, by the name of what asks for one', async () => {
    await push(image, `${host()}/team/plain:1`);
    const pulled = pull(named('team/plain:1'));
    await expect(pulled).rejects.toMatchObject({ code: 'forbidden', reason: 'image.unsigned' });
    await expect(pulled).rejects.toThrow(`ec.pub or ${join(dir, 'ed.pub')} on "*"`);
  });

  test('is taken with a signature by either key, and where none is asked for', async () => {
    await signed('team/ec', {});
    expect(await pull(named('team/ec:1'))).toBe(digest);
    await signed('team/ed', { key: ed25519.privateKey });
    expect(await pull(named(`team/ed@${digest}`))).toBe(digest);
    await push(image, `${host()}/x/free/app:1`);
    expect(await pull(named('x/free/app:1'))).toBe(digest);
  });

  test('is taken with a signature that names another place: copies stay signed', async () => {
    await signed('team/copy', { name: 'registry.example.com/original' });
    expect(await pull(named('team/copy:1'))).toBe(digest);
  });

  test.each<[string, Partial<SignatureOptions>, RegExp]>([
    ['by another key', { key: stranger.privateKey }, /it is by another key/],
    ['of something else than an image', { type: 'a letter' }, /it is not of an image/],
  ])('with a signature %s is refused', async (what, options, message) => {
    const repository = `team/${what.replaceAll(' ', '-')}`;
    await signed(repository, options);
    const pulled = pull(named(`${repository}:1`));
    await expect(pulled).rejects.toMatchObject({ reason: 'image.wrong_signature' });
    await expect(pulled).rejects.toThrow(message);
  });

  test("with another image's signature in the place of its own is refused", async () => {
    const other = `sha256:${'1'.repeat(64)}`;
    const name = `${host()}/team/swapped`;
    await push(image, `${name}:1`);
    const signature = makeSignature(dir, { digest: other, name, key: ecdsa.privateKey });
    await push(signature, `${name}:${signatureTag(digest)}`);
    await expect(pull(named('team/swapped:1'))).rejects.toThrow(`of another image, ${other}`);
  });

  test('is refused while a key cannot be read', async () => {
    await push(image, `${host()}/x/lost/app:1`);
    await expect(pull(named('x/lost/app:1'))).rejects.toThrow(/none\.pub .*cannot be read/);
  });
});

describe('a signature', () => {
  test('is found among the referrers of an image, too', async () => {
    const name = `${ours}/team/referred`;
    await push(image, `${name}:1`);
    const layout = image.replace(/^oci:/, '').replace(/:image$/, '');
    const { stdout } = await run('stat', [
      '--format=%s',
      join(layout, 'blobs', digest.replace(':', '/')),
    ]);
    const options = { digest, name, key: ecdsa.privateKey, subjectBytes: Number(stdout) };
    await push(makeSignature(dir, options), `${name}:anything`);
    expect(await pull('team/referred:1')).toBe(digest);
    expect(await pull(`${ours}/team/referred:1`)).toBe(digest); // over /v2/, as if it were another's
  });

  test('and an image refused leave nothing of the image here', async () => {
    const fresh = makeLayout(await mkdtemp(join(dir, 'fresh-')), { '/hello': 'not signed' });
    await push(fresh, `${debian.host}/team/fresh:1`);
    await expect(pull(`${debian.host}/team/fresh:1`)).rejects.toThrow('no signature');
    const blob = (await manifestDigest(fresh)).slice('sha256:'.length);
    expect(await readdir(join(dir, 'images/blobs/sha256'))).not.toContain(blob);
  });
});
