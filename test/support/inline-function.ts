import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { RunningHost } from './running-host.ts';

/** Deploys a function of one JavaScript file and gives its name; `settings`: more of its hearth.json. */
export async function deployInline(
  host: RunningHost,
  name: string,
  source: string,
  settings: object = {},
): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'hearth-inline-'));
  const config = { name, entry: 'index.js', ...settings };
  await writeFile(join(dir, 'hearth.json'), JSON.stringify(config));
  await writeFile(join(dir, 'index.js'), source);
  const { exitCode, stderr } = await host.hearth('deploy', dir);
  await rm(dir, { recursive: true });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return name;
}
