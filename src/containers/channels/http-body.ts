import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { BodyStream } from '../../domain/invocation.ts';

/**
 * Writes a body as fast as the server reads it, until the signal aborts. Never rejects: a server that
 * wants no more of it says so by its answer, and a body that fails is closed by whoever gave it.
 */
export async function writeBody(
  body: BodyStream,
  target: Writable,
  over: AbortSignal,
): Promise<void> {
  const pieces = body[Symbol.asyncIterator]();
  const stop = () => void pieces.return?.();
  over.addEventListener('abort', stop, { once: true });
  try {
    for (;;) {
      const { done, value } = await pieces.next();
      if (over.aborted || target.destroyed) return;
      if (done) return void target.end();
      if (!target.write(value)) await once(target, 'drain', { signal: over });
    }
  } catch {
    target.destroy();
  } finally {
    over.removeEventListener('abort', stop);
    stop();
  }
}
