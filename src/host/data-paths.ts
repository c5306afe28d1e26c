import { join } from 'node:path';

/** Where everything lies in the data folder. */
export function dataPaths(dataDir: string) {
  return {
    rootKey: join(dataDir, 'root.key'),
    masterKey: join(dataDir, 'master.key'),
    clusterKey: join(dataDir, 'cluster.key'),
    nodeId: join(dataDir, 'node-id'),
    compiledCode: join(dataDir, 'compiled'),
    images: join(dataDir, 'images'),
    volumes: join(dataDir, 'volumes'),
    scratch: join(dataDir, 'scratch'),
    volumeSocket: join(dataDir, 'worker', 'volumes.sock'),
    logs: join(dataDir, 'logs'),
    audit: join(dataDir, 'audit'),
    durableRedis: join(dataDir, 'redis', 'durable.sock'),
    fastRedis: join(dataDir, 'redis', 'fast.sock'),
    resultJournal: join(dataDir, 'worker-results.jsonl'),
    functionCalls: join(dataDir, 'gateway', 'calls.sock'),
    replies: join(dataDir, 'gateway', 'replies.sock'),
  };
}
