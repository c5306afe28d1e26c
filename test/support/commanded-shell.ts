import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/** What a shell has to run to be commanded by these descriptors. */
export const obeyingScript = (from: string, to = from): string =>
  `while read -r command <&${from}; do eval "$command" >&${to}; echo done >&${to}; done`;

/** A shell that runs one command after the other, each to its end. */
export class CommandedShell {
  readonly #input: Writable;
  readonly #lines: AsyncIterator<string>;

  constructor(input: Writable, output: Readable) {
    this.#input = input;
    this.#lines = createInterface(output)[Symbol.asyncIterator]();
  }

  /** Gives what it printed. @throws when the shell ends before. */
  async run(command: string): Promise<readonly string[]> {
    this.#input.write(`${command}\n`);
    const printed: string[] = [];
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(`the shell ended before "${command}" did`);
      if (value === 'done') return printed;
      printed.push(value);
    }
  }
}
