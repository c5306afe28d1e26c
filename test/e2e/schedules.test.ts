import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { tryToDeployInline } from '../support/inline-function.ts';
import { startHost, type RunningHost } from '../support/running-host.ts';
import { traces } from '../support/traces.ts';

let host: RunningHost;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host[Symbol.asyncDispose]());

const soon = { timeout: 90_000, interval: 100 };

const deploy = (name: string, source: string, cron: readonly object[]) =>
  tryToDeployInline(host, name, source, { triggers: { cron } });

async function lines(name: string): Promise<readonly string[]> {
  const { stdout } = await host.hearth('logs', name, '--limit', '1000');
  return stdout.split('\n').filter((line) => line.includes('planned for'));
}

const plannedTimes = async (name: string): Promise<readonly string[]> =>
  (await lines(name)).map((line) => /planned for (\S+)/.exec(line)?.[1] ?? '');

test('a schedule of every second runs a function every second, once', async () => {
  const source = `export default {
    async scheduled(event, env, ctx) {
      console.log('planned for', new Date(event.scheduledTime).toISOString(), event.cron);
      ctx.waitUntil(Promise.resolve());
    },
  };`;
  const everySecond = { schedule: '* * * * * *', overlap: 'allow' };
  expect(await deploy('ticker', source, [everySecond])).toMatchObject({ exitCode: 0, stderr: '' });
  await vi.waitFor(async () => expect((await lines('ticker')).length).toBeGreaterThan(4), soon);
  expect((await lines('ticker'))[0]).toContain('* * * * * *');

  // The gateway plans; another one takes its place and leaves nothing out.
  const gateway = traces(host.dataDir).processes.find((line) => line.includes('main.ts gateway'));
  process.kill(Number(gateway?.split(' ')[0]), 'SIGKILL');
  const killedAtMs = Date.now();
  // Runs end in any order, so that for a while one may seem to be left out.
  await vi.waitFor(async () => {
    const times = (await plannedTimes('ticker')).map((time) => Date.parse(time));
    expect(new Set(times).size).toBe(times.length);
    const ordered = times.toSorted((a, b) => a - b);
    const until = ordered.filter((time) => time < killedAtMs + 8_000);
    expect(until.at(-1)).toBeGreaterThan(killedAtMs + 6_900);
    expect(until).toEqual(until.map((_, i) => until[0]! + i * 1000));
  }, soon);
  await host.hearth('schedule', 'pause', 'ticker', 'cron-1');
});

test('a Lambda-style handler gets an event as EventBridge sends it', async () => {
  const source = `export const handler = async (event) => {
    console.log('planned for', event.time, JSON.stringify(event));
  };`;
  await deploy('nightly', source, [
    { name: 'night', schedule: '0 3 * * *', timeZone: 'Europe/Berlin' },
  ]);
  const { stdout, exitCode } = await host.hearth('schedule', 'trigger', 'nightly', 'night');
  expect(exitCode).toBe(0);
  await vi.waitFor(async () => expect(await lines('nightly')).toHaveLength(1), soon);
  const [line = ''] = await lines('nightly');
  expect(JSON.parse(line.slice(line.indexOf('{')))).toMatchObject({
    id: stdout.trim(),
    'detail-type': 'Scheduled Event',
    resources: ['schedule/nightly/night'],
    detail: { timeZone: 'Europe/Berlin' },
  });
});

test('schedules are shown, paused and resumed', async () => {
  const { stdout } = await host.hearth('schedule', 'ls');
  expect(stdout).toMatch(/nightly +night +0 3 \* \* \* +Europe\/Berlin +\d{4}-/);
  expect(stdout).toMatch(/ticker +cron-1 .*paused/);
  const next = await host.hearth('schedule', 'next', 'nightly', 'night', '--count', '3');
  expect(next.stdout.trim().split('\n')).toHaveLength(3);
  const history = await host.hearth('schedule', 'history', 'ticker', 'cron-1');
  expect(history.stdout).toMatch(/done +[0-9a-f-]{36}/);
  expect((await host.hearth('schedule', 'resume', 'ticker', 'cron-1')).exitCode).toBe(0);
  const unknown = await host.hearth('schedule', 'pause', 'nightly', 'cron-9');
  expect(unknown).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('cron-9') });
});

test('what is no schedule is refused at the deploy', async () => {
  const source = 'export const handler = () => 1;';
  const refused = await deploy('wrong', source, [
    { schedule: '0 0 30 2 *' },
    { schedule: '@daily', timeZone: 'Mars/Olympus' },
  ]);
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toContain('0 0 30 2 *');
  expect(refused.stderr).toContain('Mars/Olympus');
});
