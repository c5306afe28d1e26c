import { HostError } from '../domain/errors.ts';
import type { BodyStream, RequestHead } from '../domain/invocation.ts';
import { syncBodyLimitBytes } from '../domain/limits.ts';
import { formatBytes } from '../lib/units.ts';

/**
 * All of a body, for a function that takes no streams.
 * @throws HostError `too_large` past the limit; or the signal's reason when that aborts first.
 */
export async function wholeBody(
  { headers }: RequestHead,
  body: BodyStream,
  signal: AbortSignal,
): Promise<Uint8Array> {
  signal.throwIfAborted();
  const declared = headers.find(([name]) => name.toLowerCase() === 'content-length')?.[1];
  if (Number(declared) > syncBodyLimitBytes) throw tooLarge(); // before any of it has been sent
  const pieces = body[Symbol.asyncIterator]();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  aborted.catch(() => {});
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  const kept: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([pieces.next(), aborted]);
      if (done) return Buffer.concat(kept);
      kept.push(value);
      bytes += value.length;
      if (bytes > syncBodyLimitBytes) throw tooLarge();
    }
  } finally {
    signal.removeEventListener('abort', abort);
    void pieces.return?.();
  }
}

const tooLarge = (): HostError =>
  new HostError(
    'too_large',
    'worker.body_too_large',
    `The body is larger than ${formatBytes(syncBodyLimitBytes)}, the limit of a function that takes no streams: a handler in the way of AWS Lambda.`,
  );
