import { createHmac, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { HostError } from '../domain/errors.ts';
import { ensureSecretFile } from './secret-file.ts';

const keyBytes = 32;

/** The key with which the machines of one cluster prove that they belong to it; made if missing. */
export async function ensureClusterKey(file: string): Promise<Buffer> {
  return parse(await ensureSecretFile(file, newClusterKey), file);
}

/** The same, undefined where there is none: this machine serves nobody but itself. */
export async function readClusterKey(file: string): Promise<Buffer | undefined> {
  return existsSync(file) ? ensureClusterKey(file) : undefined;
}

const newClusterKey = (): string => randomBytes(keyBytes).toString('base64url');

function parse(text: string, file: string): Buffer {
  const key = Buffer.from(text.trim(), 'base64url');
  if (key.byteLength === keyBytes) return key;
  throw new HostError(
    'invalid',
    'security.bad_cluster_key',
    `${file} holds no cluster key. Copy it from the machine of the gateway.`,
  );
}

/** Tells whether a node has the same key as a gateway, and says nothing of the key. */
export function clusterProof(key: Buffer, name: string): string {
  return createHmac('sha256', key).update(`hearth node ${name}`).digest('base64url');
}
