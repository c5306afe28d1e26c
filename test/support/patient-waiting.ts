import { vi } from 'vitest';

/** A busy machine may take that long to get round to something; what is there at once waits for nothing. */
const patience = { timeout: 60_000, interval: 20 };

const { waitFor } = vi;

/** For every test: its default of one second fails on a machine where a process stands still for that long. */
vi.waitFor = (callback, options = {}) => {
  const { timeout = 0, interval = patience.interval } =
    typeof options === 'number' ? { timeout: options } : options;
  return waitFor(callback, { interval, timeout: Math.max(timeout, patience.timeout) });
};
