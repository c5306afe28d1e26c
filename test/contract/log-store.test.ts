import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileLogStore } from '../../src/telemetry/log-store.ts';
import { logStoreContract } from './log-store.ts';

logStoreContract('FileLogStore', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'hearth-logs-'));
  const store = new FileLogStore({ dir });
  return {
    store,
    close: async () => {
      await store.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
});
