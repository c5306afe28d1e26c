import { describe } from 'vitest';
import { MemoryIdempotencyKeys } from '../support/memory-idempotency-keys.ts';
import { idempotencyKeysContract } from './idempotency-keys.ts';

const keys = new MemoryIdempotencyKeys();

describe('idempotency keys in memory', () => idempotencyKeysContract(() => keys));
