import { mkdir } from 'node:fs/promises';
import type { Fact } from '../domain/facts.ts';
import type { Logger } from '../domain/logger.ts';
import type { Service } from '../domain/service.ts';
import { SegmentWriter } from './log-segments.ts';

/** 8 MiB each: half a million requests are kept. */
const segmentsKept = 16;

/** Characters that wait for the disk. */
const pendingLimit = 4 * 1024 * 1024;

export interface AuditLogOptions {
  /** Only its owner gets in. Only one process may append. */
  readonly dir: string;
  readonly logger: Logger;
}

/**
 * Who used which route that needs a key, one line of JSON each, `<dir>/<n>.ndjson`, appended and
 * never rewritten. What cannot be kept is an error in the host's log: an audit with holes says so.
 */
export class AuditLog implements Service {
  readonly name = 'audit log';
  readonly #options: AuditLogOptions;
  readonly #segments: SegmentWriter;
  #pending = '';
  #batch: Promise<void> | undefined;

  constructor(options: AuditLogOptions) {
    this.#options = options;
    this.#segments = new SegmentWriter(options.dir, undefined, segmentsKept);
  }

  async start(): Promise<void> {
    await mkdir(this.#options.dir, { recursive: true, mode: 0o700 });
  }

  /** Resolves when everything is written. */
  async stop(): Promise<void> {
    while (this.#batch) await this.#batch;
  }

  readonly listen = (fact: Fact): void => {
    if (fact.type === 'audit.request') this.#append({ time: new Date(fact.timeMs), ...fact.data });
  };

  #append(entry: object): void {
    const line = `${JSON.stringify(entry)}\n`;
    if (this.#pending.length + line.length > pendingLimit) {
      this.#options.logger.error(entry, 'The audit log is too slow: a request is missing from it.');
      return;
    }
    this.#pending += line;
    this.#batch ??= this.#writeBatch();
  }

  async #writeBatch(): Promise<void> {
    await new Promise(setImmediate); // what is appended in this turn goes into one write
    const lines = this.#pending;
    this.#pending = '';
    await this.#segments.append(lines).catch((error: unknown) => {
      this.#options.logger.error({ error, lines }, 'The audit log could not be written.');
    });
    this.#batch = this.#pending === '' ? undefined : this.#writeBatch();
  }
}
