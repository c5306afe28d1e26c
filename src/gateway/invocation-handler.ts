import { randomUUID } from 'node:crypto';
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HostError, toHostError } from '../domain/errors.ts';
import type { FactPublisher } from '../domain/facts.ts';
import { mayTakeStreams, type FunctionStore, type FunctionVersion } from '../domain/function.ts';
import type { HttpTrigger, TriggerGuard } from '../domain/http-trigger.ts';
import type { BodyStream } from '../domain/invocation.ts';
import type { LogStore } from '../domain/log.ts';
import type { Logger } from '../domain/logger.ts';
import type { Authorizer } from '../domain/principal.ts';
import { isLimited, type Quotas } from '../domain/quota.ts';
import type { Tracing } from '../domain/trace.ts';
import { hearthWording } from './answer-wording.ts';
import { identify, isPrincipal, requireRight, verified, type Caller } from './callers.ts';
import { corsHeaders, isPreflight, preflightHeaders } from './cors.ts';
import { admitCall, type FunctionCall } from './function-callers.ts';
import type { EventInvocations } from './event-invocations.ts';
import { holdQuota } from './held-quota.ts';
import { InvocationAnswer } from './invocation-answer.ts';
import type { InvocationRoute } from './invocation-route.ts';
import type { Invocations } from './invocations.ts';
import type { LongRequests } from './long-requests.ts';
import { lambdaWording } from './lambda/lambda-errors.ts';
import { readLambdaInvoke } from './lambda/lambda-invoke.ts';
import { lambdaReply } from './lambda/lambda-reply.ts';
import type { RequestBodies } from './request-bodies.ts';
import { requestHead } from './request-head.ts';
import { wantedVersion } from './wanted-version.ts';

export interface InvocationHandlerOptions {
  readonly functions: FunctionStore;
  readonly authorizer: Authorizer;
  readonly quotas: Quotas;
  readonly guard: TriggerGuard;
  readonly bodies: RequestBodies;
  readonly longRequests: LongRequests;
  readonly invocations: Invocations;
  readonly events: EventInvocations;
  readonly isStopping: () => boolean;
  readonly tracing: Tracing;
  readonly logs: Pick<LogStore, 'read'>;
  readonly facts: FactPublisher;
  readonly logger: Logger;
}

export type InvocationHandler = (
  route: InvocationRoute,
  request: IncomingMessage,
  response: ServerResponse,
  /** Where a function calls: it needs no key. */
  call?: FunctionCall,
  /** What comes on a connection that is to change its protocol. */
  connection?: BodyStream,
) => void;

/**
 * Serves the routes that invoke, on Node's own request and response: paths, methods, headers and
 * bodies reach the function as they were sent, which a router and body parsers would not allow.
 */
export function createInvocationHandler(options: InvocationHandlerOptions): InvocationHandler {
  const { functions, authorizer, quotas, guard, bodies, longRequests, invocations } = options;
  const { events, tracing, isStopping, facts, logs, logger } = options;
  const services = { isStopping, facts, logger };

  /** @throws HostError without a key, or with one that does not allow it. */
  function identifyFor({ functionName }: InvocationRoute, request: IncomingMessage): Caller {
    const caller = identify(authorizer, request);
    if (isPrincipal(caller)) requireRight(caller, 'invoke', functionName);
    return caller;
  }

  /** Undefined: it has its answer. @throws HostError for what is not to be invoked. */
  function admit(
    route: InvocationRoute,
    request: IncomingMessage,
    response: ServerResponse,
    call: FunctionCall | undefined,
  ): Admission | undefined {
    if (route.trigger === 'event') {
      const caller = identifyFor(route, request);
      const record = functions.get(route.functionName);
      if (!record) throw notFound(`There is no function "${route.functionName.slice(0, 80)}".`);
      return { version: wantedVersion(record, route, request), caller };
    }
    const record = functions.get(route.functionName);
    const version = record && wantedVersion(record, route, request);
    const calling = call && admitCall(call, route.functionName, version?.spec);
    const http = version?.spec.http;
    if (!version || !http) {
      throw notFound(`There is no HTTP trigger "${route.functionName.slice(0, 80)}".`);
    }
    if (calling) {
      requireMethod(request.method ?? '', http.methods);
      return { version, caller: calling };
    }
    if (answersPreflight(http, request, response)) return undefined;
    // What does not serve yet, or no longer, is not public, whatever its trigger says.
    const isForKeys = http.auth === 'key' || route.qualifier !== undefined;
    const caller = isForKeys ? identifyFor(route, request) : undefined;
    requireMethod(request.method ?? '', http.methods);
    return { version, caller, ...(isForKeys ? {} : { trigger: http }) };
  }

  /** What is signed has to be there whole before anyone knows whose it is. */
  function isStreamed(
    { trigger }: InvocationRoute,
    request: IncomingMessage,
    { version, caller, trigger: http }: Admission,
  ): boolean {
    const isSigned = http?.hmac !== undefined || (caller !== undefined && !isPrincipal(caller));
    const canBe = trigger === 'http' && !isSigned && mayTakeStreams(version.spec);
    return canBe && bodies.isLong(request);
  }

  function stream(request: IncomingMessage, response: ServerResponse): BodyStream {
    const { socket } = request;
    longRequests.add(socket);
    response.once('close', () => longRequests.delete(socket));
    return bodies.stream(request, response);
  }

  return (route, request, response, call, connection) => {
    const isUpgrade = connection !== undefined;
    const id = randomUUID();
    const trace = tracing.begin(
      (name) => single(request.headers[name]) ?? contextHeader(call, name),
    );
    const { functionName } = route;
    const wording = route.lambda ? lambdaWording : hearthWording;
    const told = {
      id,
      functionName,
      route: routeOf(route),
      response,
      wording,
      isUpgrade,
      trace,
      ...services,
    };
    const begin = (details: boolean) => new InvocationAnswer({ ...told, details });
    let admission: Admission | undefined;
    try {
      admission = admit(route, request, response, call);
    } catch (error) {
      return begin(false).fail(toHostError(error));
    }
    if (!admission) return;
    const { version, caller, trigger } = admission;
    const hasKey = caller !== undefined;
    const answer = begin(hasKey);
    const open = async (): Promise<OpenedBody> => {
      if (connection) return { received: nothing, stream: connection };
      return isStreamed(route, request, admission)
        ? { received: nothing, stream: stream(request, response) }
        : { received: await bodies.read(request, response) };
    };
    const { headers } = request;
    const opening = trigger?.jwt
      ? guard.checkToken(trigger.jwt, headers.authorization).then(open)
      : open();
    opening
      .then(async ({ received, stream }) => {
        if (trigger?.hmac) guard.checkSignature(trigger.hmac, functionName, headers, received);
        const principal = caller && verified(caller, received);
        if (principal) requireRight(principal, 'invoke', route.functionName);
        if (isLimited(principal)) {
          await holdQuota(quotas, principal, response, version.spec.timeoutMs + quotaGraceMs);
        }
        const body = route.trigger === 'event' ? eventBody(received) : received;
        if (answer.ended || request.socket.writableEnded) return; // also where its framing is broken
        const head = requestHead(request, route, {
          hidesKey: hasKey && !call,
          trace,
          caller: call?.caller,
          isUpgrade,
        });
        const invocation = { id, version, head, caller: principal?.id, body, stream, trace };
        if (route.trigger === 'http') invocations.start(invocation, answer);
        else {
          const { qualifier, lambda } = route;
          if (!lambda) return await events.start({ ...invocation, qualifier }, headers, answer);
          const { isDryRun, wantsLogs } = readLambdaInvoke(headers);
          const reply = lambdaReply(lambda, {
            id,
            version,
            answer,
            logs: wantsLogs ? logs : undefined,
          });
          if (isDryRun) return reply.dryRun();
          await events.start({ ...invocation, qualifier }, headers, answer, reply);
        }
      })
      .catch((error: unknown) => answer.fail(toHostError(error)));
  };
}

/** After its deadline an invocation is no longer counted as under way, though its gateway died. */
const quotaGraceMs = 60_000;

interface OpenedBody {
  /** The whole body, or nothing where it is streamed. */
  readonly received: Buffer;
  readonly stream?: BodyStream;
}

const nothing = Buffer.alloc(0);

/** What the path looks like whatever follows the function's name. */
const routeOf = ({ trigger, functionName, lambda }: InvocationRoute): string => {
  if (lambda) return `/2015-03-31/functions/${functionName}/invocations`;
  return trigger === 'http' ? `/fn/${functionName}` : `/v1/functions/${functionName}/invocations`;
};

const single = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value;

/** What a function does not pass on by itself its worker knows. */
const contextHeader = (call: FunctionCall | undefined, name: string): string | undefined =>
  name === 'traceparent' ? call?.caller.traceparent : undefined;

interface Admission {
  readonly version: FunctionVersion;
  /** Undefined: no key is asked for. */
  readonly caller: Caller | undefined;
  /** What is asked for instead, by the function's own HTTP trigger. */
  readonly trigger?: HttpTrigger;
}

/** Tells browsers which pages may see the answer. True: that was all that was asked. */
function answersPreflight(
  trigger: HttpTrigger,
  { method, headers }: IncomingMessage,
  response: ServerResponse,
): boolean {
  const { cors } = trigger;
  if (!cors) return false;
  const asksOnly = isPreflight(method, headers);
  const pairs = [
    ...corsHeaders(cors, headers),
    ...(asksOnly ? preflightHeaders(trigger, cors, headers) : []),
  ];
  for (const [name, value] of pairs) response.setHeader(name, value);
  if (asksOnly) response.writeHead(204).end();
  return asksOnly;
}

/** Whoever serves GET serves HEAD (RFC 9110, section 9.3.2). */
function requireMethod(method: string, served: readonly string[]): void {
  const asked = method === 'HEAD' && !served.includes('HEAD') ? 'GET' : method;
  if (served.length === 0 || served.includes(asked)) return;
  const allow = served.join(', ');
  throw new HostError(
    'invalid',
    'gateway.method_not_allowed',
    `This function serves ${allow}, not ${method.slice(0, 80)}.`,
    { details: { allow } },
  );
}

const emptyEvent = Buffer.from('{}');

/** No body is an event without members. @throws HostError `invalid` unless it is JSON in UTF-8. */
function eventBody(body: Buffer): Buffer {
  if (body.byteLength === 0) return emptyEvent;
  try {
    if (!isUtf8(body)) throw new TypeError('it is not UTF-8');
    JSON.parse(body.toString());
    return body;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new HostError('invalid', 'gateway.invalid_json', `The body is not valid JSON: ${why}.`, {
      cause,
    });
  }
}

const notFound = (message: string): HostError =>
  new HostError('not_found', 'gateway.no_function', message);
