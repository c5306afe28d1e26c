import { randomBytes } from 'node:crypto';

/**
 * Ids for the SDK's spans: those of the next span where they were fixed long before it is made, at
 * the gateway, and random ones otherwise. Making a span is synchronous, so `next` is of one span.
 */
export class PresetIds {
  next: { readonly traceId: string; readonly spanId: string | undefined } | undefined;

  generateTraceId(): string {
    return this.next?.traceId ?? randomBytes(16).toString('hex');
  }

  generateSpanId(): string {
    return this.next?.spanId ?? randomBytes(8).toString('hex');
  }
}
