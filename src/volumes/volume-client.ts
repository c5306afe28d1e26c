import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { HostError } from '../domain/errors.ts';
import type {
  NewVolume,
  OnCopyProgress,
  VolumeDetails,
  VolumeRecord,
  Volumes,
} from '../domain/volume.ts';
import {
  errorOf,
  type AnswerLine,
  type ErrorMessage,
  type PlainOperation,
} from './volume-protocol.ts';

export interface VolumeClientOptions {
  /** Of the worker that has the volume, or, for a new one, shall have it. */
  readonly socketPath: string;
}

/** A gateway's end of the management of volumes: see VolumeServer. */
export class VolumeClient implements Volumes {
  readonly #options: VolumeClientOptions;

  constructor(options: VolumeClientOptions) {
    this.#options = options;
  }

  async create(volume: NewVolume): Promise<VolumeRecord> {
    return (await this.#call('create', [volume])) as VolumeRecord;
  }

  async inspect(name: string): Promise<VolumeDetails> {
    return (await this.#call('inspect', [name])) as VolumeDetails;
  }

  async remove(name: string, options: { readonly force: boolean }): Promise<void> {
    await this.#call('remove', [name, options]);
  }

  async snapshot(name: string, snapshot: string, onProgress?: OnCopyProgress): Promise<void> {
    await this.#call('snapshot', [name, snapshot], onProgress);
  }

  async removeSnapshot(name: string, snapshot: string): Promise<void> {
    await this.#call('removeSnapshot', [name, snapshot]);
  }

  async restore(name: string, snapshot: string, onProgress?: OnCopyProgress): Promise<void> {
    await this.#call('restore', [name, snapshot], onProgress);
  }

  async export(name: string): Promise<Readable> {
    const asked = this.#open('GET', `/export/${encodeURIComponent(name)}`);
    asked.end();
    return await goodAnswer(asked);
  }

  async import(name: string, tar: Readable): Promise<void> {
    const asked = this.#open('PUT', `/import/${encodeURIComponent(name)}`);
    const answer = goodAnswer(asked);
    const sent = pipeline(tar, asked).catch(() => {}); // the answer says why, or that there is none
    (await answer).resume();
    await sent;
  }

  async #call(
    operation: PlainOperation,
    args: readonly unknown[],
    onProgress?: OnCopyProgress,
  ): Promise<unknown> {
    const asked = this.#open('POST', `/${operation}`);
    asked.end(JSON.stringify(args));
    for await (const text of createInterface(await goodAnswer(asked))) {
      const { progress, result, error } = JSON.parse(text) as AnswerLine;
      if (error) throw errorOf(error);
      if (result !== undefined) return result;
      if (progress) onProgress?.(progress);
    }
    throw noWorker();
  }

  #open(method: string, path: string): ClientRequest {
    return request({ socketPath: this.#options.socketPath, method, path, agent: false });
  }
}

async function goodAnswer(asked: ClientRequest): Promise<IncomingMessage> {
  let answer: IncomingMessage;
  try {
    [answer] = (await once(asked, 'response')) as [IncomingMessage];
  } catch (cause) {
    throw noWorker(cause);
  }
  if (answer.statusCode === 200) return answer;
  throw errorOf((await json(answer)) as ErrorMessage);
}

const noWorker = (cause?: unknown): HostError =>
  new HostError(
    'unavailable',
    'volume.no_worker',
    'The worker that keeps the volumes does not answer now.',
    { cause, retryAfterMs: 1_000 },
  );
