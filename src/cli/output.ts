import { styleText } from 'node:util';

/** Where a command writes. Results go to stdout, everything else to stderr. */
export interface Output {
  out(text: string): void;
  /** Bytes as they are. */
  raw(bytes: Uint8Array): void;
  note(text: string): void;
  json(value: unknown): void;
  /** Emphasis, where the terminal shows it. */
  strong(text: string): string;
}

export function createOutput(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream): Output {
  return {
    out: (text) => void stdout.write(`${text}\n`),
    raw: (bytes) => void stdout.write(bytes),
    note: (text) => void stderr.write(`${text}\n`),
    json: (value) => void stdout.write(`${JSON.stringify(value, undefined, 2)}\n`),
    strong: (text) => styleText('bold', text, { stream: stdout }),
  };
}

/** Rows below a header, each column as wide as its widest cell. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header.map((cell) => cell.toUpperCase()), ...rows];
  const widths = header.map((_, i) => Math.max(...all.map((row) => (row[i] ?? '').length)));
  return all
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
