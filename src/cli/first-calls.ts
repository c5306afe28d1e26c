import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { formatMs } from '../lib/units.ts';

/** What `input.json` and `expected.json` of an example say, as far as it matters here. */
interface Example {
  readonly input: { readonly http?: { readonly method: string; readonly path: string } };
  readonly expected: { readonly status?: number };
}

/**
 * Calls the first function that has a plain GET with a good answer as its example, twice, and tells
 * what came back and how long it took: once from nothing, once warm.
 */
export async function firstCalls(
  url: string,
  folders: readonly string[],
): Promise<string | undefined> {
  for (const folder of folders) {
    const { input, expected } = await readExample(folder);
    if (input.http?.method !== 'GET' || expected.status !== 200) continue;
    const target = `${url}/fn/${basename(folder)}${input.http.path}`;
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

async function readExample(folder: string): Promise<Example> {
  const read = async (name: string) =>
    JSON.parse(await readFile(join(folder, name), 'utf8')) as object;
  try {
    return { input: await read('input.json'), expected: await read('expected.json') };
  } catch {
    return { input: {}, expected: {} }; // a function need not have an example
  }
}
