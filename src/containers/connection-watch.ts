import { upgradedStatus, type BodyStream, type InvocationRequest } from '../domain/invocation.ts';
import type { ResponseListener } from '../domain/sandbox.ts';

export interface ConnectionEvents {
  /** The function speaks another protocol with its caller from here on. */
  readonly onUpgraded: () => void;
  /** Something went one way or the other. */
  readonly onMove: () => void;
}

/** The two ways of an invocation, so that what moves on them is seen where it may change its protocol. */
export function watchConnection(
  request: InvocationRequest,
  listener: ResponseListener,
  { onUpgraded, onMove }: ConnectionEvents,
): { readonly request: InvocationRequest; readonly listener: ResponseListener } {
  const { stream } = request;
  if (request.head.upgrade === undefined) return { request, listener };
  return {
    request: stream ? { ...request, stream: passing(stream, onMove) } : request,
    listener: {
      onHead(head) {
        if (head.status === upgradedStatus) onUpgraded();
        listener.onHead(head);
      },
      onChunk(bytes) {
        onMove();
        listener.onChunk(bytes);
      },
      onLog: (line) => listener.onLog(line),
    },
  };
}

async function* passing(stream: BodyStream, onPiece: () => void): AsyncGenerator<Uint8Array> {
  for await (const piece of stream) {
    onPiece();
    yield piece;
  }
}
