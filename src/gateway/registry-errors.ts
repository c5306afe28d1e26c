import type { FastifyReply, FastifyRequest } from 'fastify';
import { HostError, toHostError, type ErrorCode } from '../domain/errors.ts';
import type { Logger } from '../domain/logger.ts';
import { hostErrorAnswer } from './error-answer.ts';

/** For what has no code in the distribution specification. */
const codeOf = {
  invalid: 'UNSUPPORTED',
  unauthenticated: 'UNAUTHORIZED',
  forbidden: 'DENIED',
  not_found: 'NAME_UNKNOWN',
  conflict: 'UNSUPPORTED',
  too_large: 'SIZE_INVALID',
  throttled: 'TOOMANYREQUESTS',
  unavailable: 'UNAVAILABLE',
  timeout: 'UNAVAILABLE',
  cancelled: 'UNAVAILABLE',
  internal: 'UNKNOWN',
} satisfies Record<ErrorCode, string>;

/** Answers as the distribution specification has it, which registry clients understand. */
export function registryErrorHandler(logger: Logger) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const error = asHostError(thrown);
    if (error.code === 'internal') {
      logger.error({ error, requestId: request.id, url: request.url }, 'A request failed.');
    }
    const { status, headers, body } = hostErrorAnswer(error, `request ${request.id}`);
    const [module, what = ''] = error.reason.split('.');
    const code = module === 'registry' ? what.toUpperCase() : codeOf[error.code];
    void reply
      .code(status)
      .headers({ ...headers, 'x-hearth-error': error.reason })
      .type('application/json')
      .send(JSON.stringify({ errors: [{ code, message: body.message }] }));
  };
}

/** A caller that left in the middle is no defect. */
function asHostError(thrown: unknown): HostError {
  const {
    code,
    statusCode = 500,
    message,
  } = thrown as NodeJS.ErrnoException & {
    readonly statusCode?: number;
  };
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE') {
    return new HostError('cancelled', 'gateway.caller_left', 'The caller left.', { cause: thrown });
  }
  if (thrown instanceof HostError || statusCode >= 500) return toHostError(thrown);
  return new HostError('invalid', 'gateway.invalid_request', `The request is wrong: ${message}.`, {
    cause: thrown,
  });
}
