import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { packageOf } from './package-of.ts';
import type { CommandResult, RunningHost } from './running-host.ts';

export interface InlineFolder extends AsyncDisposable {
  readonly dir: string;
}

/** The folder of a function of one JavaScript file; `settings`: more of its hearth.json. */
export async function inlineFolder(
  name: string,
  source: string,
  settings: object = {},
): Promise<InlineFolder> {
  const dir = await mkdtemp(join(tmpdir(), 'hearth-inline-'));
  const config = { name, entry: 'index.js', ...settings };
  await writeFile(join(dir, 'hearth.json'), JSON.stringify(config));
  await writeFile(join(dir, 'index.js'), source);
  return { dir, [Symbol.asyncDispose]: () => rm(dir, { recursive: true }) };
}

/** Deploys such a function, or is told why not. */
export async function tryToDeployInline(
  host: RunningHost,
  name: string,
  source: string,
  settings: object = {},
): Promise<CommandResult> {
  await using folder = await inlineFolder(name, source, settings);
  return await host.hearth('deploy', folder.dir);
}

/** Deploys such a function and gives its name. */
export async function deployInline(
  host: RunningHost,
  name: string,
  source: string,
  settings: object = {},
): Promise<string> {
  const { exitCode, stderr } = await tryToDeployInline(host, name, source, settings);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return name;
}

/** The same over HTTP: a command takes a second where the machine is busy. */
export async function postInline(
  host: Pick<RunningHost, 'fetchWithKey'>,
  name: string,
  source: string,
  settings: object = {},
): Promise<void> {
  const config = JSON.stringify({ name, entry: 'index.mjs', ...settings });
  const tar = await packageOf({ 'hearth.json': config, 'index.mjs': source });
  const answer = await host.fetchWithKey('/v1/functions', {
    method: 'POST',
    headers: { 'content-type': 'application/x-tar' },
    body: new Uint8Array(tar),
  });
  expect({ status: answer.status, text: await answer.text() }).toMatchObject({ status: 201 });
}
