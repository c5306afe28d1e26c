import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { RequestListener } from 'node:http';
import { HostError, toHostError } from '../domain/errors.ts';
import { packageLimitBytes } from '../domain/limits.ts';
import type { FactPublisher } from '../domain/facts.ts';
import type { Logger } from '../domain/logger.ts';
import type { NodeDirectory } from '../domain/node.ts';
import type { Authorizer } from '../domain/principal.ts';
import type { Quotas } from '../domain/quota.ts';
import { formatBytes } from '../lib/units.ts';
import { errorHeaders, hostErrorAnswer } from './error-answer.ts';
import { eventRoutes, type EventRoutesOptions } from './event-routes.ts';
import { functionRoutes, type FunctionRoutesOptions } from './function-routes.ts';
import {
  invocationRecordRoutes,
  type InvocationRecordRoutesOptions,
} from './invocation-record-routes.ts';
import { imageRoutes, type ImageRoutesOptions } from './image-routes.ts';
import { noNodes } from './invocations.ts';
import { openapiRoutes } from './openapi/openapi-document.ts';
import { queueRoutes, type QueueRoutesOptions } from './queue-routes.ts';
import { imageArchiveRoutes, type ImageArchiveRoutesOptions } from './image-archive-routes.ts';
import { isLambdaPath, lambdaErrorAnswer } from './lambda/lambda-errors.ts';
import { lambdaRoutes, type LambdaRoutesOptions } from './lambda/lambda-routes.ts';
import { keyRoutes, type KeyRoutesOptions } from './key-routes.ts';
import { versionRoutes } from './version-routes.ts';
import type { LongRequests } from './long-requests.ts';
import { nodeRoutes, type NodeRoutesOptions } from './node-routes.ts';
import { webhookRoutes, type WebhookRoutesOptions } from './webhook-routes.ts';
import { networkRoutes, type NetworkRoutesOptions } from './network-routes.ts';
import { metricsRoutes, type MetricsRoutesOptions } from './metrics-routes.ts';
import { registryRoutes, type RegistryRoutesOptions } from './registry-routes.ts';
import { forAnyone, guardRoutes } from './route-access.ts';
import { secretRoutes, type SecretRoutesOptions } from './secret-routes.ts';
import { sandboxRoutes, type SandboxRoutesOptions } from './sandbox-routes.ts';
import { backupRoutes, type BackupRoutesOptions } from './backup-routes.ts';
import { stackRoutes, type StackRoutesOptions } from './stack-routes.ts';
import { usageRoutes, type UsageRoutesOptions } from './usage-routes.ts';
import { scheduleRoutes, type ScheduleRoutesOptions } from './schedule-routes.ts';
import { volumeRoutes, type VolumeRoutesOptions } from './volume-routes.ts';

export interface ManagementAppOptions
  extends
    FunctionRoutesOptions,
    LambdaRoutesOptions,
    ImageArchiveRoutesOptions,
    EventRoutesOptions,
    InvocationRecordRoutesOptions,
    QueueRoutesOptions,
    MetricsRoutesOptions,
    KeyRoutesOptions,
    SecretRoutesOptions,
    SandboxRoutesOptions,
    StackRoutesOptions,
    BackupRoutesOptions,
    ImageRoutesOptions,
    RegistryRoutesOptions,
    UsageRoutesOptions,
    VolumeRoutesOptions,
    NetworkRoutesOptions,
    NodeRoutesOptions,
    WebhookRoutesOptions,
    ScheduleRoutesOptions {
  readonly nodes: NodeDirectory;
  readonly authorizer: Authorizer;
  readonly quotas: Quotas;
  readonly facts: FactPublisher;
  readonly logger: Logger;
  readonly longRequests: LongRequests;
  /** Makes the server; the listener serves all that the server does not serve by itself. */
  readonly createServer: (listener: RequestListener) => Server;
}

/** Everything but invocations: management, health; and one shape for every error. */
export function createManagementApp(options: ManagementAppOptions): FastifyInstance {
  const { nodes, logger, longRequests } = options;

  const sendError = (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const error = asHostError(thrown);
    if (error.code === 'internal') {
      logger.error({ error, requestId: request.id, url: request.url }, 'A request failed.');
    }
    const answer = hostErrorAnswer(error, `request ${request.id}`);
    if (isLambdaPath(request.url)) {
      const { status, headers, text } = lambdaErrorAnswer(answer, request.id);
      return void reply.code(status).headers(headers).send(text);
    }
    const { status, headers, body } = answer;
    void reply
      .code(status)
      .headers({ ...errorHeaders(body), ...headers })
      .send(body);
  };

  const app = fastify({
    serverFactory: options.createServer,
    ajv: { customOptions: { removeAdditional: false } }, // an unknown key is an error, not dropped
    routerOptions: { maxParamLength: 256 }, // ARNs
    genReqId: () => randomUUID(),
    frameworkErrors: sendError,
    clientErrorHandler: (error, socket) => {
      const isLate = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
      if (!isLate || !longRequests.has(socket)) answerBrokenRequest(error, socket);
    },
  });
  app.setErrorHandler(sendError);
  app.setNotFoundHandler((request, reply) => sendError(noRoute(request), request, reply));
  app.removeAllContentTypeParsers();

  guardRoutes(app, options);

  openapiRoutes(app);
  app.register(async (scope) => healthRoutes(scope, nodes));
  app.register(async (scope) => functionRoutes(scope, options));
  app.register(async (scope) => versionRoutes(scope, options));
  app.register(async (scope) => stackRoutes(scope, options));
  app.register(async (scope) => lambdaRoutes(scope, options));
  app.register(async (scope) => backupRoutes(scope, options));
  app.register(async (scope) => usageRoutes(scope, options));
  app.register(async (scope) => scheduleRoutes(scope, options));
  app.register(async (scope) => volumeRoutes(scope, options));
  app.register(async (scope) => networkRoutes(scope, options));
  app.register(async (scope) => webhookRoutes(scope, options));
  app.register(async (scope) => imageRoutes(scope, options));
  app.register(async (scope) => imageArchiveRoutes(scope, options));
  app.register(async (scope) => eventRoutes(scope, options));
  app.register(async (scope) => invocationRecordRoutes(scope, options));
  app.register(async (scope) => queueRoutes(scope, options));
  app.register(async (scope) => metricsRoutes(scope, options));
  app.register(async (scope) => keyRoutes(scope, options));
  app.register(async (scope) => secretRoutes(scope, options));
  app.register(async (scope) => sandboxRoutes(scope, options));
  app.register(async (scope) => nodeRoutes(scope, options));
  app.register(async (scope) => registryRoutes(scope, options));
  return app;
}

function healthRoutes(app: FastifyInstance, nodes: NodeDirectory): void {
  app.get('/healthz', { config: forAnyone }, () => ({ status: 'ok' }));
  app.get('/readyz', { config: forAnyone }, () => {
    const { length } = nodes.live();
    if (length === 0) throw noNodes();
    return { status: 'ready', nodes: length };
  });
}

/** What fastify throws, in our words; anything unknown is a defect. */
function asHostError(thrown: unknown): HostError {
  const { code, statusCode, message } = thrown as {
    readonly code?: string;
    readonly statusCode?: number;
    readonly message?: string;
  };
  if (thrown instanceof HostError) return thrown;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new HostError(
      'too_large',
      'gateway.body_too_large',
      `The body is larger than ${formatBytes(packageLimitBytes)}, the limit of a package.`,
    );
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new HostError('invalid', 'gateway.media_type', `${message}.`, { cause: thrown });
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new HostError(
      'invalid',
      'gateway.invalid_request',
      `The request is wrong: ${message}.`,
      {
        cause: thrown,
      },
    );
  }
  return toHostError(thrown);
}

const noRoute = (request: FastifyRequest): HostError =>
  new HostError(
    'not_found',
    'gateway.no_route',
    `There is no ${request.method} ${request.url.split('?', 1)[0]?.slice(0, 200)} here.`,
  );

/** Bytes that are no HTTP request, or came too slowly: there is no response object to answer with. */
function answerBrokenRequest(cause: Error & { code?: string }, socket: Socket): void {
  if (cause.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const error = brokenRequests[cause.code ?? ''] ?? notHttp;
  const { status, headers, body } = hostErrorAnswer(error, '');
  const text = JSON.stringify(body);
  const named = {
    ...errorHeaders(body),
    ...headers,
    'content-length': String(Buffer.byteLength(text)),
    connection: 'close',
  };
  const lines = Object.entries(named).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${status}\r\n${lines.join('')}\r\n${text}`);
}

const notHttp = new HostError('invalid', 'gateway.not_http', 'This is not a valid HTTP request.');

const brokenRequests: Readonly<Record<string, HostError>> = {
  HPE_HEADER_OVERFLOW: new HostError(
    'invalid',
    'gateway.headers_too_large',
    "The request's headers are too large.",
  ),
  ERR_HTTP_REQUEST_TIMEOUT: new HostError(
    'invalid',
    'gateway.request_too_slow',
    'The request did not arrive in time.',
  ),
};
