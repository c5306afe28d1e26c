import { isUtf8 } from 'node:buffer';
import type { LaneItem } from '../domain/lane.ts';

/** A LaneItem as plain JSON: text bodies as they are, others as base64. */
export interface EncodedLaneItem extends Omit<LaneItem, 'body'> {
  readonly text?: string;
  readonly base64?: string;
}

export function encodeLaneItem({ body, ...item }: LaneItem): EncodedLaneItem {
  if (body === undefined) return item;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return isUtf8(bytes)
    ? { ...item, text: bytes.toString('utf8') }
    : { ...item, base64: bytes.toString('base64') };
}

/**
 * The items of a job as Redis had it. Gateways are trusted: this finds what another version of
 * Hearth or a stranger wrote. @throws TypeError; then none of the items is to be run.
 */
export function decodeLaneBatch(data: unknown): readonly LaneItem[] {
  const items = (data as { readonly items?: unknown } | null)?.items;
  if (!Array.isArray(items) || !items.every(isEncodedLaneItem)) {
    throw new TypeError('a job that no gateway of this version has put there');
  }
  return items.map(decodeLaneItem);
}

export function decodeLaneItem({ text, base64, ...item }: EncodedLaneItem): LaneItem {
  if (text !== undefined) return { ...item, body: Buffer.from(text) };
  return { ...item, body: base64 === undefined ? undefined : Buffer.from(base64, 'base64') };
}

function isEncodedLaneItem(value: unknown): value is EncodedLaneItem {
  const item = value as Partial<Record<keyof LaneItem, unknown>> | null;
  return (
    typeof item?.id === 'string' &&
    typeof item.functionName === 'string' &&
    typeof item.version === 'string' &&
    typeof item.head === 'object' &&
    item.head !== null &&
    typeof item.acceptedMs === 'number' &&
    typeof item.deadlineMs === 'number' &&
    typeof item.replyTo === 'string'
  );
}
