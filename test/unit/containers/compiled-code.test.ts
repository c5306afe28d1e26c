import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { toHost, toSandbox } from '../../../src/containers/channels/channel-frames.ts';
import { CompiledCode } from '../../../src/containers/compiled-code.ts';
import { ContainerMaker } from '../../../src/containers/container-maker.ts';
import { Tokens } from '../../../src/containers/pool/tokens.ts';
import type { FunctionSpec } from '../../../src/domain/function.ts';
import type { PreparedVersion } from '../../../src/domain/version.ts';
import { encodeFrame, FrameDecoder } from '../../../src/lib/frames.ts';
import { IdRanges } from '../../../src/security/id-ranges.ts';
import { strictProfile } from '../../../src/security/strict-profile.ts';
import { noVolumes } from '../../../src/volumes/sandbox-volumes.ts';
import { FakeEngine, type FakeProgram } from '../../support/fake-engine.ts';
import { fakeVersion } from '../../support/fake-sandbox.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const MiB = 1024 * 1024;
const ready = encodeFrame(toHost.ready);
const piece = (text: string | Buffer) => encodeFrame(toHost.compiled, Buffer.from(text));

let dir: string;
/** What was asked of sandboxes that compile. */
let asked: { readonly type: number; readonly entry: string }[];
/** What such a sandbox answers. */
let answer: readonly Buffer[] | 'dies';
let engine: FakeEngine;
let memory: Tokens;
let code: CompiledCode;

const bootstrap: FakeProgram = ({ channel, end }) => {
  const decoder = new FrameDecoder(MiB, (type, payload) => {
    asked.push({ type, ...(JSON.parse(payload.toString()) as { entry: string }) });
    if (answer === 'dies') end({ exitCode: 1 });
    else for (const frame of answer) channel.write(frame);
  });
  channel.on('data', (chunk: Buffer) => decoder.push(chunk));
  channel.write(encodeFrame(toHost.hello, Buffer.from('{"protocol":1}')));
};

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hearth-compiled-'));
  mkdirSync(join(dir, 'var/task'), { recursive: true });
  writeFileSync(join(dir, 'var/task/index.mjs'), Buffer.alloc(MiB));
  writeFileSync(join(dir, 'var/task/other.mjs'), Buffer.alloc(MiB));
  writeFileSync(join(dir, 'var/task/small.mjs'), '');
  asked = [];
  answer = [piece('co'), piece('de'), ready];
  engine = new FakeEngine({ bootstrap });
  memory = new Tokens(1024 * MiB);
  const path = '/nowhere';
  const nothing = { [Symbol.asyncDispose]: async () => {} };
  const connection = { connect: async () => {}, open: () => {}, close: () => {} };
  const maker = new ContainerMaker({
    engine,
    profile: strictProfile('x64'),
    idRanges: new IdRanges(),
    network: { lease: async () => ({ path, ...connection, ...nothing }) },
    volumes: { lend: async () => noVolumes() },
    scratchDisks: { make: () => Promise.reject(new Error('not asked for')) },
    roots: { lease: () => ({ path, [Symbol.dispose]: () => {} }) },
    tasksDir: dir,
    secretsDir: dir,
    logs: { append: () => {} },
    usage: { add: () => {}, collectFrom: () => {} },
    logger: silentLogger,
  });
  code = new CompiledCode({ maker, mounts: [], memory, logger: silentLogger });
  await code.start();
});
afterEach(async () => {
  await code.stop();
  rmSync(dir, { recursive: true });
});

function versionOf(spec: Partial<FunctionSpec> = {}): PreparedVersion {
  const version = fakeVersion(spec);
  return { ...version, image: { ...version.image, layerDirs: [dir], entrypoint: ['bootstrap'] } };
}

/** Waits until a sandbox has been asked for the last of these, and has gone. */
async function compiled(...versions: readonly PreparedVersion[]): Promise<void> {
  const last = versions.at(-1)!;
  for (const version of versions) code.want(version);
  await vi.waitFor(() => expect(asked.at(-1)?.entry).toBe(`/var/task/${last.spec.entry}`));
  await vi.waitFor(() => expect(engine.list()).toEqual([]));
}

describe('compiled code', () => {
  test('is made of a version once somebody asks for it, and kept', async () => {
    const version = versionOf();
    expect(code.find(version)).toBeUndefined();
    await vi.waitFor(() => expect(code.find(version)?.toString()).toBe('code'));
    expect(asked).toEqual([{ type: toSandbox.compile, entry: '/var/task/index.mjs' }]);
  });

  test('of one version is given to no other', async () => {
    const [one, other] = [versionOf(), versionOf()];
    await compiled(one);
    expect(code.find(other)).toBeUndefined();
  });

  test('waits until there is memory for it, and gives that back', async () => {
    const version = versionOf();
    memory.take(memory.limit);
    code.want(version);
    memory.giveBack(memory.limit);
    await compiled(version);
    expect(memory.free).toBe(memory.limit);
  });

  test('is made of large modules for Node, and of nothing else', async () => {
    await compiled(
      versionOf({ entry: 'small.mjs' }),
      versionOf({ entry: 'missing.mjs' }),
      versionOf({ runtime: 'python3' }),
      versionOf({ runtime: 'bun1' }),
      versionOf({ entry: 'other.mjs', runtime: 'node22' }),
    );
    expect(asked.map(({ entry }) => entry)).toEqual(['/var/task/other.mjs']);
  });

  test.each<[string, readonly Buffer[] | 'dies']>([
    ['dies', 'dies'],
    ['sends too much', [...Array(21).keys()].map(() => piece(Buffer.alloc(200 * 1024)))],
    ['answers what nobody asked', [encodeFrame(toHost.response, Buffer.alloc(20))]],
    ['says hello twice', [encodeFrame(toHost.hello, Buffer.from('{"protocol":1}'))]],
  ])('is none where the sandbox %s, and is not tried again', async (_, bad) => {
    const version = versionOf();
    answer = bad;
    await compiled(version);
    expect(code.find(version)).toBeUndefined();
    await compiled(version, versionOf({ entry: 'other.mjs' }));
    expect(asked.map(({ entry }) => entry)).toEqual(['/var/task/index.mjs', '/var/task/other.mjs']);
  });
});
