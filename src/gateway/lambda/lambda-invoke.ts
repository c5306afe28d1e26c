import type { IncomingHttpHeaders } from 'node:http';
import { HostError } from '../../domain/errors.ts';

const invocationTypes = ['RequestResponse', 'Event', 'DryRun'];
const logTypes = ['None', 'Tail'];

/** Of the header as sent, in base64. */
const clientContextLimitBytes = 3583;

/** What Invoke's headers ask for, beside what all invocations can be asked for. */
export interface LambdaInvoke {
  /** Only whether it could be invoked. */
  readonly isDryRun: boolean;
  readonly wantsLogs: boolean;
}

/** @throws HostError `invalid` */
export function readLambdaInvoke(headers: IncomingHttpHeaders): LambdaInvoke {
  const type = oneOf(invocationTypes, headers['x-amz-invocation-type'], 'invocationType');
  const logType = oneOf(logTypes, headers['x-amz-log-type'], 'logType');
  checkClientContext(headers['x-amz-client-context']);
  return { isDryRun: type === 'DryRun', wantsLogs: logType === 'Tail' && type !== 'Event' };
}

type Given = string | string[] | undefined;

function oneOf(values: readonly string[], given: Given, member: string): string | undefined {
  if (given === undefined || values.includes(String(given))) return given?.toString();
  throw new HostError(
    'invalid',
    'lambda.invalid_member',
    `1 validation error detected: Value '${String(given).slice(0, 80)}' at '${member}' failed to satisfy constraint: Member must satisfy enum value set: [${values.join(', ')}]`,
  );
}

function checkClientContext(given: Given): void {
  if (given === undefined) return;
  try {
    const text = String(given);
    if (text.length > clientContextLimitBytes) throw new RangeError('it is too long');
    JSON.parse(Buffer.from(text, 'base64').toString());
  } catch (cause) {
    throw new HostError(
      'invalid',
      'lambda.invalid_client_context',
      `x-amz-client-context: not JSON in base64, at most ${clientContextLimitBytes} characters.`,
      { cause },
    );
  }
}
