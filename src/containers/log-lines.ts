import { StringDecoder } from 'node:string_decoder';
import type { LogLine } from '../domain/log.ts';

/** Longest line; a longer one is cut into several. */
const lineLimitChars = 16 * 1024;

/**
 * Cuts the pieces of one invocation's output into lines and stops at a byte limit, where one
 * marker line says so. Call `flush` at the end for a last line without a newline.
 */
export class LogLines {
  readonly #emit: (line: LogLine) => void;
  readonly #limitBytes: number;
  readonly #streams = {
    stdout: { decoder: new StringDecoder(), rest: '' },
    stderr: { decoder: new StringDecoder(), rest: '' },
  };
  #bytes = 0;

  constructor(limitBytes: number, emit: (line: LogLine) => void) {
    this.#limitBytes = limitBytes;
    this.#emit = emit;
  }

  push(stream: LogLine['stream'], piece: Buffer): void {
    if (this.#bytes > this.#limitBytes) return;
    this.#bytes += piece.length;
    const state = this.#streams[stream];
    const lines = (state.rest + state.decoder.write(piece)).split('\n');
    state.rest = lines.pop() ?? '';
    for (const line of lines) this.#line(stream, line);
    while (state.rest.length > lineLimitChars) {
      this.#line(stream, state.rest.slice(0, lineLimitChars));
      state.rest = state.rest.slice(lineLimitChars);
    }
    if (this.#bytes > this.#limitBytes) {
      this.flush();
      this.#line('stderr', `[hearth] output over ${this.#limitBytes} bytes is not kept`);
    }
  }

  flush(): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      const state = this.#streams[stream];
      if (state.rest !== '') this.#line(stream, state.rest);
      state.rest = '';
    }
  }

  #line(stream: LogLine['stream'], text: string): void {
    this.#emit({ timeMs: Date.now(), stream, text });
  }
}
