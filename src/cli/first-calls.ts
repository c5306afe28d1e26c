import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatMs } from '../lib/units.ts';

/** An `input.json` of an example that is called over HTTP. */
interface HttpInput {
  readonly http?: { readonly method: string; readonly path: string };
}

/**
 * Calls the first function that has a plain GET as its example, twice, and tells what came back
 * and how long it took: once from nothing, once warm.
 */
export async function firstCalls(
  url: string,
  folders: readonly string[],
): Promise<string | undefined> {
  for (const folder of folders) {
    const { http } = await readInput(folder);
    if (http?.method !== 'GET') continue;
    const target = `${url}/fn/${folder.slice(folder.lastIndexOf('/') + 1)}${http.path}`;
    const first = await timedCall(target);
    const second = await timedCall(target);
    return `GET ${target}\n  ${first}\n  ${second}`;
  }
  return undefined;
}

async function timedCall(target: string): Promise<string> {
  const started = performance.now();
  const response = await fetch(target);
  const text = await response.text();
  const took = formatMs(performance.now() - started);
  const start = response.headers.get('x-hearth-start') ?? 'not started';
  return `${response.status} ${JSON.stringify(text.slice(0, 60))}  ${start}, ${took}`;
}

async function readInput(folder: string): Promise<HttpInput> {
  try {
    return JSON.parse(await readFile(join(folder, 'input.json'), 'utf8')) as HttpInput;
  } catch {
    return {}; // an example need not have one
  }
}
