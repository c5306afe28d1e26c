import type { IncomingMessage, ServerResponse } from 'node:http';

/** What the client of the Runtime API sent is over its limit. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
  readonly type = 'Function.ResponseSizeTooLarge';
}

/** A client that has begun to send hears of its mistake only when it may finish, within reason. */
const passedOverLimit = 10;

/** @throws BodyTooLarge when it is longer than it may be; what is too much is not kept. */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limitBytes * passedOverLimit) break;
    if (bytes <= limitBytes) chunks.push(chunk);
  }
  if (bytes <= limitBytes) return Buffer.concat(chunks);
  throw new BodyTooLarge(
    `Response payload size exceeded maximum allowed payload size (${limitBytes} bytes).`,
  );
}

export function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(body);
}

/** In the words of the Runtime API. */
export function refuse(
  response: ServerResponse,
  status: number,
  errorType: string,
  errorMessage: string,
): void {
  if (!response.headersSent) send(response, status, JSON.stringify({ errorType, errorMessage }));
}
