import type { StreamedFact } from './facts.ts';

/** A fact as it leaves the host: CloudEvents 1.0, JSON format. */
export interface CloudEvent {
  readonly specversion: '1.0';
  readonly id: string;
  /** URI reference of the process, such as `/hearth/worker/node-1a2b`. */
  readonly source: string;
  /** The fact's type behind `dev.hearth.`. */
  readonly type: string;
  /** ISO 8601. */
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly data: unknown;
}

export function cloudEvent({ id, source, fact }: StreamedFact): CloudEvent {
  return {
    specversion: '1.0',
    id,
    source: `/hearth/${source}`,
    type: `dev.hearth.${fact.type}`,
    time: new Date(fact.timeMs).toISOString(),
    datacontenttype: 'application/json',
    data: fact.data,
  };
}
