import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EventSourceParserStream, type EventSourceMessage } from 'eventsource-parser/stream';
import { HostError } from '../domain/errors.ts';

export interface ApiClientOptions {
  readonly url: string;
  /** `id:secret`; by default the administrator's, which only root of the same machine can read. */
  readonly key: string | undefined;
  readonly dataDir: string;
}

/** A request to the host whose answer was not a good one. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly body: ErrorBody;

  constructor(status: number, body: ErrorBody) {
    super(body.message);
    this.status = status;
    this.body = body;
  }
}

export interface ErrorBody {
  readonly code: string;
  readonly reason: string;
  readonly message: string;
  readonly invocationId?: string;
  readonly error?: { readonly type: string; readonly message: string; readonly stack?: string };
}

/** The host's HTTP interface, as the commands use it. */
export class ApiClient {
  readonly #options: ApiClientOptions;

  constructor(options: ApiClientOptions) {
    this.#options = options;
  }

  get url(): string {
    return this.#options.url;
  }

  /** @throws ApiError for any answer but a good one; HostError when there is none. */
  async request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${await this.#key()}`);
    const response = await this.#fetch(path, { ...init, headers });
    if (response.ok) return response;
    const body = (await response.json().catch(() => undefined)) as ErrorBody | undefined;
    const unclear = { code: 'internal', reason: 'unknown', message: response.statusText };
    throw new ApiError(response.status, body?.message ? body : unclear);
  }

  async json<T>(path: string, init?: RequestInit): Promise<T> {
    return (await (await this.request(path, init)).json()) as T;
  }

  /** An answer of server-sent events, each as it comes, until the host ends it. */
  async *events(
    path: string,
    headers: Record<string, string> = {},
  ): AsyncGenerator<EventSourceMessage> {
    const { body } = await this.request(path, { headers });
    const messages = body
      ?.pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream());
    if (messages) yield* messages;
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(`${this.url}${path}`, init);
    } catch (cause) {
      throw new HostError(
        'unavailable',
        'cli.no_host',
        `No Hearth host answers at ${this.url}. Start one with "npm start", or set HEARTH_URL.`,
        { cause },
      );
    }
  }

  async #key(): Promise<string> {
    if (this.#options.key !== undefined) return this.#options.key;
    const file = join(this.#options.dataDir, 'root.key');
    try {
      return (await readFile(file, 'utf8')).trim();
    } catch (cause) {
      throw new HostError(
        'unauthenticated',
        'cli.no_key',
        `There is no key: set HEARTH_KEY to id:secret. ${file} cannot be read.`,
        { cause },
      );
    }
  }
}
