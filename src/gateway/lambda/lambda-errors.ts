import type { ErrorCode } from '../../domain/errors.ts';
import type { AnswerWording, WordedAnswer } from '../answer-wording.ts';
import type { ErrorAnswer } from '../error-answer.ts';

interface LambdaError {
  /** As AWS's clients know it; they make their exceptions of it. */
  readonly name: string;
  /** Where AWS has another one than we. */
  readonly status?: number;
}

const errorOfCode = {
  invalid: { name: 'InvalidParameterValueException' },
  unauthenticated: { name: 'UnrecognizedClientException', status: 403 },
  forbidden: { name: 'AccessDeniedException' },
  not_found: { name: 'ResourceNotFoundException' },
  conflict: { name: 'ResourceConflictException' },
  too_large: { name: 'RequestTooLargeException' },
  throttled: { name: 'TooManyRequestsException' },
  unavailable: { name: 'ServiceException' },
  timeout: { name: 'ServiceException' },
  cancelled: { name: 'ServiceException' },
  internal: { name: 'ServiceException' },
} satisfies Record<ErrorCode, LambdaError>;

/** Reasons for which AWS has a name of their own. */
const errorOfReason: Readonly<Record<string, LambdaError>> = {
  'gateway.key_required': { name: 'MissingAuthenticationTokenException', status: 403 },
  'security.unknown_key': { name: 'UnrecognizedClientException' },
  'security.signature_incomplete': { name: 'IncompleteSignatureException' },
  'security.signature_expired': { name: 'InvalidSignatureException' },
  'security.wrong_signature': { name: 'InvalidSignatureException' },
  'gateway.invalid_json': { name: 'InvalidRequestContentException' },
  'lambda.invalid_client_context': { name: 'InvalidRequestContentException' },
  'lambda.invalid_member': { name: 'ValidationException' },
  'gateway.no_route': { name: 'UnknownOperationException' },
};

/** Paths of AWS Lambda's API begin with the day of the version in which an operation came. */
export const isLambdaPath = (url: string): boolean => /^\/20\d\d-\d\d-\d\d\//.test(url);

/** Members named otherwise than `message`, in AWS's own model. */
const capitalMessage = new Set(['ResourceNotFoundException', 'ServiceException']);

/** An error in AWS's words: SDKs throw what `x-amzn-errortype` names. */
export function lambdaErrorAnswer(
  { status, headers, body }: ErrorAnswer,
  requestId: string,
): WordedAnswer {
  const { code, reason, message } = body;
  const byCode: LambdaError =
    code === 'function_error' ? { name: 'InvalidRuntimeException' } : errorOfCode[code];
  const { name, status: own = status } = errorOfReason[reason] ?? byCode;
  return {
    status: own,
    headers: {
      ...headers,
      'content-type': 'application/json',
      'x-amzn-errortype': name,
      'x-amzn-requestid': requestId,
      'x-hearth-error': reason,
    },
    text: JSON.stringify({
      Type: own < 500 ? 'User' : 'Service',
      [capitalMessage.has(name) ? 'Message' : 'message']: message,
      ...(code === 'throttled' ? { Reason: throttleReason(reason) } : {}),
    }),
  };
}

const throttleReason = (reason: string): string =>
  reason.startsWith('quota.')
    ? 'CallerRateLimitExceeded'
    : 'ReservedFunctionConcurrentInvocationLimitExceeded';

export const lambdaWording: AnswerWording = {
  accepted: (id) => ({ status: 202, headers: { 'x-amzn-requestid': id }, text: '' }),
  failed: lambdaErrorAnswer,
};
