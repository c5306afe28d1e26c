import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

/** An example's `input.json`: an HTTP request, or an event. The manual is functions/README.md. */
export type ExampleInput = { readonly http: HttpInput } | { readonly event: unknown };

interface HttpInput {
  readonly method: string;
  /** Path and query, after the function's own prefix. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly bodyBase64?: string;
}

/** An example's `expected.json`: what is left out is not looked at. */
export interface ExpectedAnswer {
  readonly status: number;
  /** These among others, names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly json?: unknown;
  /** Of the body, in hexadecimal. */
  readonly sha256?: string;
  /** These members among others of the JSON body. */
  readonly error?: Readonly<Record<string, unknown>>;
}

/** One folder of `functions/`. */
export interface Example {
  readonly name: string;
  readonly dir: string;
  readonly input: ExampleInput;
  readonly expected: ExpectedAnswer;
}

/** What `fetch` takes; an event goes to a route that needs a key. */
export interface ExampleRequest {
  readonly path: string;
  readonly needsKey: boolean;
  readonly init: RequestInit;
}

export interface ActualAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** Every folder in `dir` as an example, in the order of their names. */
export async function loadExamples(dir: string): Promise<readonly Example[]> {
  const examples: Example[] = [];
  for (const name of (await readdir(dir)).toSorted()) {
    const folder = join(dir, name);
    if (!(await stat(folder)).isDirectory()) continue;
    const input = (await readJson(join(folder, 'input.json'))) as ExampleInput;
    const expected = (await readJson(join(folder, 'expected.json'))) as ExpectedAnswer;
    examples.push({ name, dir: folder, input, expected });
  }
  return examples;
}

/** How a caller asks a host for what `input.json` says. */
export function requestOf({ name, input }: Pick<Example, 'name' | 'input'>): ExampleRequest {
  if ('event' in input) {
    const headers = { 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: JSON.stringify(input.event) };
    return { path: `/v1/functions/${name}/invocations`, needsKey: true, init };
  }
  const { method, path, headers = {}, body, bodyBase64 } = input.http;
  const bytes = bodyBase64 === undefined ? body : Buffer.from(bodyBase64, 'base64');
  const init = { method, headers, ...(bytes === undefined ? {} : { body: bytes }) };
  return { path: `/fn/${name}${path}`, needsKey: false, init };
}

/** Every way in which an answer is not the expected one; empty when it is. */
export function compare(expected: ExpectedAnswer, actual: ActualAnswer): readonly string[] {
  const text = Buffer.from(actual.body).toString();
  const json = expected.json === undefined && expected.error === undefined ? {} : parsed(text);
  const differences = [differing('status', expected.status, actual.status)];
  for (const [name, value] of Object.entries(expected.headers ?? {})) {
    differences.push(differing(`header ${name}`, value, actual.headers.get(name)));
  }
  for (const [name, value] of Object.entries(expected.error ?? {})) {
    differences.push(differing(`error.${name}`, value, Object(json)[name]));
  }
  if (expected.body !== undefined) differences.push(differing('body', expected.body, text));
  if (expected.json !== undefined) differences.push(differing('json', expected.json, json));
  if (expected.sha256 !== undefined) {
    const sha256 = createHash('sha256').update(actual.body).digest('hex');
    differences.push(differing('sha256', expected.sha256, sha256));
  }
  return differences.filter((difference) => difference !== undefined);
}

function differing(what: string, expected: unknown, actual: unknown): string | undefined {
  if (isDeepStrictEqual(expected, actual)) return undefined;
  return `${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return `not JSON: ${text}`;
  }
}

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'));
}
