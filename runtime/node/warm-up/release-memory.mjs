import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Gives the machine back what the warm-up used: some 4 MiB of 18, at the cost of 25 ms. What it has
 * compiled is kept, and the function finds no trace: V8's flags are as they were, and code compiled
 * elsewhere is still accepted. Bun has no such way.
 */
export function releaseMemory() {
  if (process.versions['bun']) return;
  setFlagsFromString('--expose-gc');
  setFlagsFromString('--no-flush-bytecode');
  const collect = runInNewContext('gc');
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  setFlagsFromString('--no-expose-gc');
  setFlagsFromString('--flush-bytecode');
}
