import type { FunctionError, HeaderList, ResponseHead } from '../../domain/invocation.ts';

/** Thrown when a sandbox sends what the protocol does not allow; the sandbox is then discarded. */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation';
}

/** A response head as the bootstrap claims it to be. @throws ProtocolViolation. */
export function parseResponseHead(bytes: Buffer): ResponseHead {
  const value = parseObject(bytes);
  const { status, headers } = value;
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 599) {
    throw new ProtocolViolation('a response status that is not from 200 to 599');
  }
  if (!isHeaderList(headers)) throw new ProtocolViolation('headers that are not pairs of strings');
  return { status, headers };
}

/** An error as the bootstrap describes it; what is missing or of a wrong type is made up for. */
export function parseFunctionError(bytes: Buffer): FunctionError & { readonly isFatal: boolean } {
  const { type, message, stack, fatal } = parseObject(bytes);
  return {
    isFatal: fatal === true,
    type: typeof type === 'string' ? type : 'Error',
    message: typeof message === 'string' ? message : '',
    ...(typeof stack === 'string' ? { stack } : {}),
  };
}

/** @throws ProtocolViolation when it is not the JSON of an object. */
export function parseObject(bytes: Buffer): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch {
    throw new ProtocolViolation('JSON that does not parse');
  }
  if (typeof value !== 'object' || value === null) {
    throw new ProtocolViolation('JSON that is not an object');
  }
  return value as Record<string, unknown>;
}

function isHeaderList(value: unknown): value is HeaderList {
  return (
    Array.isArray(value) &&
    value.every(
      (pair) =>
        Array.isArray(pair) &&
        pair.length === 2 &&
        typeof pair[0] === 'string' &&
        typeof pair[1] === 'string',
    )
  );
}
