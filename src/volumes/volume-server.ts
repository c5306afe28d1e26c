import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { json } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { toHostError } from '../domain/errors.ts';
import type { Logger } from '../domain/logger.ts';
import type { Service } from '../domain/service.ts';
import type { OnCopyProgress, Volumes } from '../domain/volume.ts';
import {
  errorMessage,
  isPlainOperation,
  type AnswerLine,
  type PlainOperation,
} from './volume-protocol.ts';

export interface VolumeServerOptions {
  /** In a folder of its own, which only root may enter. */
  readonly socketPath: string;
  readonly volumes: Volumes;
  readonly logger: Logger;
}

/**
 * A worker's end of the management of volumes: they can only be mounted, frozen and copied where
 * their sandboxes are. HTTP, for its streams: `POST /<operation>` with its arguments,
 * `GET /export/<name>`, `PUT /import/<name>`.
 */
export class VolumeServer implements Service {
  readonly name = 'volume server';
  readonly #options: VolumeServerOptions;
  // No time limit for a request: an import takes as long as its tar. Only our gateway calls.
  readonly #server = createServer({ requestTimeout: 0 }, (request, response) => {
    void this.#answer(request, response);
  });

  constructor(options: VolumeServerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { socketPath } = this.#options;
    await mkdir(dirname(socketPath), { recursive: true, mode: 0o700 });
    await rm(socketPath, { force: true }); // of a worker that was killed
    this.#server.listen(socketPath);
    await once(this.#server, 'listening');
  }

  async stop(grace: AbortSignal): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    const force = () => this.#server.closeAllConnections();
    this.#server.close();
    this.#server.closeIdleConnections();
    if (grace.aborted) force();
    grace.addEventListener('abort', force, { once: true });
    await closed;
    grace.removeEventListener('abort', force);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { volumes, logger } = this.#options;
    const [, operation = '', name = ''] = (request.url ?? '').split('/');
    try {
      if (operation === 'export') {
        await pipeline(await volumes.export(name), response);
      } else if (operation === 'import') {
        await volumes.import(name, request);
        send(response, 200, {});
      } else if (isPlainOperation(operation)) {
        const tell = (line: AnswerLine) => void response.write(`${JSON.stringify(line)}\n`);
        tell({ result: (await this.#call(operation, await json(request), tell)) ?? {} });
        response.end();
      } else {
        send(response, 404, {});
      }
    } catch (thrown) {
      const error = toHostError(thrown);
      if (error.code === 'internal') logger.error({ error, operation, name }, 'A volume failed.');
      if (isPlainOperation(operation)) {
        response.end(`${JSON.stringify({ error: errorMessage(error) } satisfies AnswerLine)}\n`);
      } else if (response.headersSent) response.destroy();
      else send(response, 500, errorMessage(error));
    }
  }

  #call(
    operation: PlainOperation,
    args: unknown,
    tell: (line: AnswerLine) => void,
  ): Promise<unknown> {
    // Our own gateway's: it calls with the arguments that the operation has.
    const method = this.#options.volumes[operation] as (...args: unknown[]) => Promise<unknown>;
    const onProgress: OnCopyProgress = (progress) => tell({ progress });
    return method.call(this.#options.volumes, ...(args as unknown[]), onProgress);
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
