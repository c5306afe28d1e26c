import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogEntry, LogQuery, LogStore } from '../domain/log.ts';
import type { Service } from '../domain/service.ts';
import { endOfLog, followLines, type LogPosition } from './log-follower.ts';
import { openIfThere } from './open-if-there.ts';
import { SegmentWriter, segmentNumbers, segmentPath } from './log-segments.ts';
import { reverseLines } from './reverse-lines.ts';

/** Characters that wait for the disk, of all functions together; beyond it lines are dropped. */
const pendingLimit = 16 * 1024 * 1024;

export interface FileLogStoreOptions {
  /** One folder a function is made in it. Only one process may append. */
  readonly dir: string;
  readonly segmentBytes?: number;
}

/**
 * Functions' output as newline-delimited JSON, `<dir>/<function>/<n>.ndjson`. Lines are written in
 * batches: what gathers while the disk is busy is the next batch; nothing waits for a timer.
 */
export class FileLogStore implements LogStore, Service {
  readonly name = 'log-store';
  readonly #dir: string;
  readonly #segmentBytes: number | undefined;
  /** One small entry a function that has written since the start. */
  readonly #writers = new Map<string, SegmentWriter>();
  #pending = new Map<string, string>();
  #pendingLength = 0;
  #dropped = 0;
  /** The batch under way; settles when the next one is here in its place. */
  #batch: Promise<void> | undefined;

  constructor({ dir, segmentBytes }: FileLogStoreOptions) {
    this.#dir = dir;
    this.#segmentBytes = segmentBytes;
  }

  /** Lines that could not be kept. */
  get dropped(): number {
    return this.#dropped;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    await this.#written();
  }

  append({ functionName, ...line }: LogEntry): void {
    const text = `${JSON.stringify(line)}\n`;
    if (this.#pendingLength + text.length > pendingLimit) {
      this.#dropped += 1;
      return;
    }
    this.#pendingLength += text.length;
    this.#pending.set(functionName, (this.#pending.get(functionName) ?? '') + text);
    this.#batch ??= this.#writeBatch();
  }

  async read(query: LogQuery): Promise<readonly LogEntry[]> {
    await this.#written();
    return this.#readBefore(await endOfLog(this.#folder(query.functionName)), query);
  }

  async *follow(query: LogQuery, signal: AbortSignal): AsyncGenerator<LogEntry> {
    await this.#written();
    const folder = this.#folder(query.functionName);
    const end = await endOfLog(folder);
    yield* await this.#readBefore(end, query);
    for await (const line of followLines(folder, end, signal)) {
      const entry = parseEntry(query.functionName, line);
      if (isOf(query, entry)) yield entry;
    }
  }

  async remove(functionName: string): Promise<void> {
    this.#pending.delete(functionName);
    await this.#written();
    this.#writers.delete(functionName);
    await rm(this.#folder(functionName), { recursive: true, force: true });
  }

  async #readBefore(end: LogPosition, query: LogQuery): Promise<readonly LogEntry[]> {
    const entries: LogEntry[] = [];
    for await (const entry of this.#newestFirst(query.functionName, end)) {
      // POLICY: lines are in the order of their times, but for steps of the machine's clock.
      if (query.sinceMs !== undefined && entry.timeMs < query.sinceMs) break;
      if (isOf(query, entry) && entries.push(entry) >= query.limit) break;
    }
    return entries.toReversed();
  }

  #folder(functionName: string): string {
    return join(this.#dir, functionName);
  }

  /** What was appended before the call is on its way with this batch, or is the next. */
  async #written(): Promise<void> {
    await this.#batch;
    await this.#batch;
  }

  async #writeBatch(): Promise<void> {
    await new Promise(setImmediate); // what is appended in this turn goes into one write
    const batch = this.#pending;
    this.#pending = new Map();
    this.#pendingLength = 0;
    await Promise.all([...batch].map(([name, lines]) => this.#write(name, lines)));
    this.#batch = this.#pending.size > 0 ? this.#writeBatch() : undefined;
  }

  async #write(functionName: string, lines: string): Promise<void> {
    let writer = this.#writers.get(functionName);
    if (!writer) {
      writer = new SegmentWriter(this.#folder(functionName), this.#segmentBytes);
      this.#writers.set(functionName, writer);
    }
    try {
      await writer.append(lines);
    } catch {
      this.#dropped += lines.split('\n').length - 1;
    }
  }

  async *#newestFirst(functionName: string, end: LogPosition): AsyncGenerator<LogEntry> {
    const folder = this.#folder(functionName);
    for (const number of await segmentNumbers(folder)) {
      if (number > end.segment) continue;
      const file = await openIfThere(segmentPath(folder, number));
      if (!file) continue;
      try {
        const before = number === end.segment ? end.offset : undefined;
        for await (const line of reverseLines(file, before)) yield parseEntry(functionName, line);
      } finally {
        await file.close();
      }
    }
  }
}

const parseEntry = (functionName: string, line: string): LogEntry => ({
  functionName,
  ...(JSON.parse(line) as Omit<LogEntry, 'functionName'>),
});

const isOf = ({ invocationId }: LogQuery, entry: LogEntry): boolean =>
  invocationId === undefined || entry.invocationId === invocationId;
