import type { InvocationId } from '../domain/ids.ts';
import { errorHeaders, type ErrorAnswer } from './error-answer.ts';

/** An answer that is not the function's own. */
export interface WordedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** How callers are told what the host itself has to say of an invocation. */
export interface AnswerWording {
  /** It is queued, and will be run. */
  accepted(id: InvocationId): WordedAnswer;
  failed(error: ErrorAnswer, id: InvocationId, traceId: string | undefined): WordedAnswer;
}

/** As all routes of Hearth's own have it. */
export const hearthWording: AnswerWording = {
  accepted: (id) => ({
    status: 202,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      location: `/v1/invocations/${id}`,
      'preference-applied': 'respond-async',
    },
    text: JSON.stringify({ invocationId: id, state: 'queued' }),
  }),
  failed: ({ status, headers, body }, invocationId, traceId) => ({
    status,
    headers: { ...errorHeaders(body), ...headers },
    text: JSON.stringify({ ...body, invocationId, traceId }),
  }),
};
