import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostError } from '../../../src/domain/errors.ts';
import { FactBus } from '../../../src/events/fact-bus.ts';
import { createHostLog, type HostLogOptions } from '../../../src/telemetry/host-log.ts';
import { logFacts } from '../../../src/telemetry/log-facts.ts';
import { digestOf } from '../../support/function-records.ts';

let folder: string;
let fd: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hearth-host-log-'));
  fd = openSync(join(folder, 'log'), 'a');
});
afterEach(() => {
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

const newLog = (options: Partial<HostLogOptions> = {}) =>
  createHostLog({ level: 'info', format: 'json', fd, ...options });
const written = () => readFileSync(join(folder, 'log'), 'utf8').trim().split('\n');

describe('host log', () => {
  it('writes one JSON object a line, from its level on', async () => {
    const log = newLog();
    log.debug({}, 'Too detailed.');
    log.warn({ functionName: 'hello' }, 'Something to look at.');
    await log.flush();
    expect(written().map((line): unknown => JSON.parse(line))).toEqual([
      {
        level: 'warn',
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        functionName: 'hello',
        message: 'Something to look at.',
      },
    ]);
  });

  it('tells of an error its reason and the whole chain of causes', async () => {
    const log = newLog();
    const cause = new Error('ENOSPC');
    const error = new HostError('internal', 'images.write_failed', 'No room.', { cause });
    log.error({ error }, 'A build failed.');
    await log.flush();
    expect(JSON.parse(written()[0] ?? '')).toMatchObject({
      error: {
        reason: 'images.write_failed',
        message: 'No room.',
        stack: expect.stringContaining('host-log.test.ts'),
        cause: { message: 'ENOSPC' },
      },
    });
  });

  it('writes short lines for people', async () => {
    const log = newLog({ format: 'plain' });
    log.info({ functionName: 'hello', url: 'a b' }, 'Deployed.');
    log.error({ error: new Error('broken', { cause: new Error('deeper') }) }, 'Failed.');
    await log.flush();
    const [first, second, ...stack] = written();
    expect(first).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} info {2}Deployed\. functionName=hello url="a b"$/,
    );
    expect(second).toMatch(/ERROR Failed\.$/);
    expect(stack.join('\n')).toContain('Error: broken');
    expect(stack.join('\n')).toContain('Error: deeper');
  });

  it('has one flat line an invocation, with its phases', async () => {
    const log = newLog();
    const bus = new FactBus();
    bus.subscribe(logFacts(log));
    bus.publish('invocation.completed', {
      invocationId: 'an-id',
      acceptedMs: 0,
      functionName: 'hello',
      version: digestOf('a'),
      outcome: 'ok',
      start: 'warm',
      timings: { queue: 0.5, run: 2 },
    });
    await log.flush();
    expect(JSON.parse(written()[0] ?? '')).toMatchObject({
      level: 'info',
      fact: 'invocation.completed',
      invocationId: 'an-id',
      outcome: 'ok',
      start: 'warm',
      queueMs: 0.5,
      runMs: 2,
    });
  });
});
