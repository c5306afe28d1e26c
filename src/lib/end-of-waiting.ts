/** `up` resolves when one should wait no longer. Leaves nothing behind in a signal that lives on. */
export function endOfWaiting(signal: AbortSignal, limitMs: number) {
  const { promise, resolve } = Promise.withResolvers<'aborted' | 'late'>();
  const timer = setTimeout(() => resolve('late'), limitMs);
  const onAbort = () => resolve('aborted');
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  const forget = () => {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  };
  return { up: promise, forget };
}
