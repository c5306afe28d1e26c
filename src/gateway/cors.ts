import type { IncomingHttpHeaders } from 'node:http';
import type { Cors, HttpTrigger } from '../domain/http-trigger.ts';

type HeaderPairs = readonly (readonly [name: string, value: string])[];

/**
 * What an answer has to say so that a browser shows it to the page that asked. What the function
 * says of it itself stands.
 */
export function corsHeaders(cors: Cors, { origin }: IncomingHttpHeaders): HeaderPairs {
  const vary = ['vary', 'origin'] as const; // also where it is refused: caches must tell them apart
  if (origin === undefined || !isAllowed(cors, origin)) return [vary];
  const { credentials, exposed } = cors;
  return [
    vary,
    ['access-control-allow-origin', cors.origins.includes('*') ? '*' : origin],
    ...(credentials ? ([['access-control-allow-credentials', 'true']] as const) : []),
    ...(exposed.length > 0
      ? ([['access-control-expose-headers', exposed.join(', ')]] as const)
      : []),
  ];
}

/** Does a browser ask whether a page may call? No function is run for that. */
export function isPreflight(method: string | undefined, headers: IncomingHttpHeaders): boolean {
  return (
    method === 'OPTIONS' &&
    headers.origin !== undefined &&
    headers['access-control-request-method'] !== undefined
  );
}

/** What it is told beside `corsHeaders`. */
export function preflightHeaders(
  { methods }: Pick<HttpTrigger, 'methods'>,
  { headers, maxAgeMs }: Cors,
  asked: IncomingHttpHeaders,
): HeaderPairs {
  const served = methods.length > 0 ? methods.join(', ') : asked['access-control-request-method'];
  return [
    ['access-control-allow-methods', served ?? ''],
    ['access-control-max-age', String(Math.floor(maxAgeMs / 1000))],
    ...(headers.length > 0
      ? ([['access-control-allow-headers', headers.join(', ')]] as const)
      : []),
  ];
}

const isAllowed = ({ origins }: Cors, origin: string): boolean =>
  origins.includes('*') || origins.includes(origin);
