import type { WebhookDestination } from './async-settings.ts';
import type { FactPattern } from './fact-pattern.ts';
import type { StoredRecord } from './record-store.ts';

/** Someone outside who is told of facts. */
export interface WebhookRecord extends StoredRecord {
  readonly destination: WebhookDestination;
  readonly pattern: FactPattern;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** The event queue in which what a webhook is to be told waits; no function has such a name. */
export const webhookQueue = (name: string): string => `webhook.${name}`;
