import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunningHost } from '../support/running-host.ts';

const trivial = 'export default { fetch: () => new Response("hello") };';

/** Deploys a function that anyone may call; a trivial one where no source is given. */
export async function deployFunction(
  host: RunningHost,
  name: string,
  settings: object,
  source = trivial,
): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'hearth-bench-'));
  const triggers = { http: { auth: 'none' } };
  const config = { name, entry: 'index.js', triggers, ...settings };
  await writeFile(join(dir, 'hearth.json'), JSON.stringify(config));
  await writeFile(join(dir, 'index.js'), source);
  const { exitCode, stderr } = await host.hearth('deploy', dir);
  await rm(dir, { recursive: true });
  if (exitCode !== 0) throw new Error(stderr);
}
