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

export function decodeLaneItem({ text, base64, ...item }: EncodedLaneItem): LaneItem {
  if (text !== undefined) return { ...item, body: Buffer.from(text) };
  return { ...item, body: base64 === undefined ? undefined : Buffer.from(base64, 'base64') };
}
