import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { deployInline } from '../support/inline-function.ts';
import { startHost, type RunningHost } from '../support/running-host.ts';

let host: RunningHost;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host?.[Symbol.asyncDispose]());

interface View {
  readonly id: string;
  readonly functionName?: string;
  readonly state: string;
}

async function sandboxesOf(name: string): Promise<readonly View[]> {
  const answer = await host.fetchWithKey('/v1/sandboxes');
  const { sandboxes } = (await answer.json()) as { sandboxes: readonly View[] };
  return sandboxes.filter(({ functionName }) => functionName === name);
}

const deploy = (name: string, source: string, settings: object = {}) =>
  deployInline(host, name, source, settings);

function invoke(name: string, event: object = {}, key?: string): Promise<Response> {
  const init = { method: 'POST', body: JSON.stringify(event) };
  const path = `/v1/functions/${name}/invocations`;
  if (key === undefined) return host.fetchWithKey(path, init);
  return host.fetch(path, { ...init, headers: { authorization: `Bearer ${key}` } });
}

async function answerOf<T>(name: string, event: object = {}, key?: string): Promise<T> {
  const answer = await invoke(name, event, key);
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

/** Which sandbox answers: a random number that it draws when it loads. */
const self = 'const self = Math.random();';

describe('a burst', () => {
  test('of a hundred calls never has more sandboxes than max', async () => {
    const source = `${self} export const handler = () =>
      new Promise((resolve) => setTimeout(() => resolve(self), 20));`;
    await deploy('burst', source, { scaling: { max: 5 }, memory: '64Mi' });
    let most = 0;
    const over = new AbortController();
    const watching = (async () => {
      while (!over.signal.aborted) most = Math.max(most, (await sandboxesOf('burst')).length);
    })();
    const seen = await Promise.all(Array.from({ length: 100 }, () => answerOf<number>('burst')));
    over.abort();
    await watching;
    expect(new Set(seen).size).toBeLessThanOrEqual(5);
    expect(most).toBeLessThanOrEqual(5);
    expect(most).toBeGreaterThan(0);
  });
});

describe('a caller that leaves', () => {
  test('makes place at once for the next, though the function would have gone on', async () => {
    const source = `export const handler = ({ stay }) =>
      stay ? new Promise((resolve) => setTimeout(resolve, 600_000)) : 'served';`;
    await deploy('left', source, { scaling: { max: 1 }, timeout: '900s' });
    const leaving = new AbortController();
    const left = host.fetchWithKey('/v1/functions/left/invocations', {
      method: 'POST',
      body: '{"stay":true}',
      signal: leaving.signal,
    });
    const caught = expect(left).rejects.toThrow('aborted');
    await vi.waitFor(async () => {
      const [sandbox] = await sandboxesOf('left');
      expect(sandbox?.state).toBe('busy');
    }, 10_000);
    const next = answerOf('left');
    leaving.abort();
    await caught;
    expect(await next).toBe('served');
  });
});

describe('a sandbox that serves several at once', () => {
  test('runs them at once, and mixes neither their answers nor their logs', async () => {
    // Each waits until all four are there: one after the other they would wait for ever.
    const source = `${self}
      let arrived = 0;
      let open;
      const all = new Promise((resolve) => { open = resolve; });
      export const handler = async ({ who }) => {
        console.log('first line of ' + who);
        if ((arrived += 1) === 4) open();
        await all;
        console.log('last line of ' + who);
        return { who, self };
      };`;
    await deploy('together', source, { concurrency: 4, scaling: { max: 1 } });
    const names = ['ada', 'bob', 'eve', 'joe'];
    const answers = await Promise.all(names.map((who) => invoke('together', { who })));
    const bodies = await Promise.all(
      answers.map((answer) => answer.json() as Promise<{ who: string; self: number }>),
    );
    expect(bodies.map(({ who }) => who)).toEqual(names);
    expect(new Set(bodies.map((body) => body.self)).size).toBe(1);
    for (const [index, who] of names.entries()) {
      const id = answers[index]?.headers.get('x-hearth-invocation-id') ?? '';
      await vi.waitFor(async () => {
        const { stdout } = await host.hearth('logs', 'together', '--invocation', id);
        const lines = stdout.split('\n').filter((line) => line.includes('line of'));
        expect(lines).toHaveLength(2);
        for (const line of lines) expect(line).toContain(who);
      }, 10_000);
    }
  });
});

describe('between two invocations', () => {
  const source = `${self}
    let wroteAt;
    import { spawn } from 'node:child_process';
    import { readdirSync, readFileSync, writeFileSync, mkdirSync, symlinkSync } from 'node:fs';
    const listed = (path) => { try { return readdirSync(path); } catch { return []; } };
    const look = () => ({
      self,
      wroteAt,
      scratch: listed('/tmp'),
      shared: listed('/dev/shm'),
      sleepers: readdirSync('/proc').filter((pid) => {
        try {
          return /^[0-9]+$/.test(pid) && readFileSync('/proc/' + pid + '/cmdline', 'utf8').includes('60000');
        } catch {
          return false;
        }
      }).length,
    });
    export const handler = async ({ leave }) => {
      const before = look();
      if (leave === 'files') {
        mkdirSync('/tmp/folder/deep', { recursive: true });
        writeFileSync('/tmp/folder/deep/file', 'x'.repeat(100_000));
        symlinkSync('/', '/tmp/out');
        writeFileSync('/dev/shm/shared', 'x');
      }
      if (leave === 'process') {
        const code = 'setTimeout(() => {}, 60000)';
        spawn(process.execPath, ['-e', code], { detached: true, stdio: 'ignore' }).unref();
      }
      if (leave === 'files later') {
        wroteAt = undefined;
        setTimeout(() => {
          writeFileSync('/tmp/late', 'x');
          wroteAt = Date.now();
        }, 10);
      }
      return before;
    };`;
  interface Look {
    readonly self: number;
    readonly wroteAt?: number;
    readonly scratch: readonly string[];
    readonly shared: readonly string[];
    readonly sleepers: number;
  }

  beforeAll(() => deploy('messy', source, { scaling: { max: 1 } }));

  test.each(['files', 'process'])('of a sandbox what the first left is gone: %s', async (leave) => {
    const first = await answerOf<Look>('messy', { leave });
    const second = await answerOf<Look>('messy');
    expect(second).toEqual({ self: first.self, scratch: [], shared: [], sleepers: 0 });
  });

  test('also what it does after its answer', async () => {
    // Frozen before its timer fires, it would do so while it serves the next: then it tries again.
    const second = await vi.waitFor(async () => {
      await answerOf<Look>('messy', { leave: 'files later' });
      await vi.waitFor(async () => {
        const [sandbox] = await sandboxesOf('messy');
        expect(sandbox?.state).toBe('frozen');
      }, 10_000);
      const calledAt = Date.now();
      const look = await answerOf<Look>('messy');
      expect(look.wroteAt).toBeLessThan(calledAt);
      return look;
    }, 20_000);
    expect(second.scratch).toEqual([]);
  });

  test('nothing of the host is touched', async () => {
    await answerOf('messy', { leave: 'files' }); // with a link to the root
    expect(await answerOf<Look>('messy')).toMatchObject({ scratch: [] });
    expect((await host.fetch('/healthz')).status).toBe(200);
  });
});

describe('a function that keeps callers apart', () => {
  test('never gives the sandbox of one key to another', async () => {
    const created = await host.hearth('key', 'create', 'other', '--allow', 'invoke', '--json');
    expect(created.exitCode).toBe(0);
    const { id, secret } = JSON.parse(created.stdout) as { id: string; secret: string };
    const key = `${id}:${secret}`;
    await deploy('apart', `${self} export const handler = () => self;`, { isolation: 'tenant' });
    const mine = await answerOf<number>('apart');
    const theirs = await answerOf<number>('apart', {}, key);
    expect(theirs).not.toBe(mine);
    expect(await answerOf<number>('apart')).toBe(mine);
    expect(await answerOf<number>('apart', {}, key)).toBe(theirs);
  });
});

describe('what is kept ready', () => {
  test('is there before anyone calls, and again after a redeploy; the old version goes', async () => {
    const source = (version: number) => `${self} export const handler = () => ${version};`;
    const settings = { scaling: { min: 2 } };
    await deploy('ready', source(1), settings);
    const frozen = async () =>
      (await sandboxesOf('ready')).filter(({ state }) => state === 'frozen').map(({ id }) => id);
    await vi.waitFor(async () => expect(await frozen()).toHaveLength(2), 20_000);
    const old = await frozen();
    const answer = await invoke('ready');
    expect(answer.headers.get('x-hearth-start')).toMatch(/^(thawed|warm)$/);
    await deploy('ready', source(2), settings);
    await vi.waitFor(async () => {
      const now = await frozen();
      expect(now).toHaveLength(2);
      for (const id of now) expect(old).not.toContain(id);
    }, 20_000);
    expect(await answerOf('ready')).toBe(2);
  });
});

describe('a large module', () => {
  interface Loaded {
    readonly isCompiled: boolean;
    readonly characters: number;
    readonly scratch: readonly string[];
  }

  test('is loaded from code compiled after its deploy, which it cannot spoil for its next sandbox', async () => {
    const source = `import { getCompileCacheDir } from 'node:module';
      import { readdirSync, writeFileSync } from 'node:fs';
      const text = '${'x'.repeat(1_000_000)}';
      const dir = getCompileCacheDir();
      const entries = dir ? readdirSync(dir, { recursive: true, withFileTypes: true }) : [];
      for (const { parentPath, name } of entries.filter((entry) => entry.isFile())) {
        writeFileSync(parentPath + '/' + name, 'spoilt');
      }
      export const handler = () => ({
        isCompiled: dir !== undefined, characters: text.length, scratch: readdirSync('/tmp'),
      });`;
    await deploy('large', source, { isolation: 'invocation' });
    const compiled = { isCompiled: true, characters: 1_000_000, scratch: [] };
    await vi.waitFor(async () => expect(await answerOf<Loaded>('large')).toEqual(compiled));
    expect(await answerOf<Loaded>('large')).toEqual(compiled);
  });
});
