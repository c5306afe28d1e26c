import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { toHostError } from '../domain/errors.ts';
import { hostErrorAnswer } from './error-answer.ts';

/** So that nobody on the way takes silence for the end. */
const aliveEveryMs = 15_000;

/**
 * Answers something that takes a while: a line of JSON for each step, `{}` where there is none for
 * long, and at last what it came to or `{ error }`.
 */
export function answerInLines(
  request: FastifyRequest,
  reply: FastifyReply,
  run: (tell: (line: object) => void) => Promise<object>,
): FastifyReply {
  const lines = new Readable({ read: () => {} });
  const tell = (line: object) => void lines.push(`${JSON.stringify(line)}\n`);
  const alive = setInterval(() => tell({}), aliveEveryMs);
  run(tell)
    .then(tell, (thrown: unknown) => {
      const error = toHostError(thrown);
      if (error.code === 'internal') request.log.error({ error }, 'A long request failed.');
      tell({ error: hostErrorAnswer(error, `request ${request.id}`).body });
    })
    .finally(() => {
      clearInterval(alive);
      lines.push(null);
    });
  return reply.type(linesType).send(lines);
}

const linesType = 'application/x-ndjson';

export const wantsLines = ({ headers }: FastifyRequest): boolean =>
  headers.accept?.includes(linesType) ?? false;
