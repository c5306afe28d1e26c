import { formatBytes } from '../lib/units.ts';
import type { CommandContext } from './context.ts';

/** Passes everything on, and says every second how much it was. */
export async function* counted(
  source: AsyncIterable<Uint8Array>,
  what: string,
  { output }: Pick<CommandContext, 'output'>,
): AsyncIterable<Uint8Array> {
  let bytes = 0;
  const timer = setInterval(() => output.note(`${formatBytes(bytes)} ${what}`), 1000);
  timer.unref(); // who is refused early reads on no more, and its command shall end
  try {
    for await (const piece of source) {
      bytes += piece.length;
      yield piece;
    }
  } finally {
    clearInterval(timer);
  }
}
