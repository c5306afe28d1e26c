import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify';
import { Type } from 'typebox';
import { errorCodes } from '../../domain/errors.ts';
import { isLambdaPath } from '../lambda/lambda-errors.ts';
import { forAnyone, type RouteAccess } from '../route-access.ts';
import { operationSummaries } from './operation-summaries.ts';

/** Of APIs that others have specified: AWS's service model and the OCI distribution specification. */
const isOthers = (url: string): boolean => isLambdaPath(url) || /^\/v2(\/|$)/.test(url);

const errorSchema = Type.Object({
  code: Type.Enum([...errorCodes, 'function_error'], {
    description: 'What to do about it.',
  }),
  reason: Type.String({ description: 'What happened; also in the header x-hearth-error.' }),
  message: Type.String({ description: 'For people.' }),
  invocationId: Type.Optional(Type.String()),
  traceId: Type.Optional(Type.String()),
});

const errorAnswer = {
  description: 'It failed; x-hearth-error has the reason.',
  content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
};

const answers = { '2XX': { description: 'It is done.' }, default: errorAnswer };
const forKeys = [{ key: [] }, { basic: [] }];

const nameParameter = {
  name: 'name',
  in: 'path',
  required: true,
  schema: { type: 'string' },
} as const;

/** Not among the routes of the management app: invocations are served before it. */
const invocationPaths = {
  '/v1/functions/{name}/invocations': {
    post: {
      operationId: 'postV1FunctionsNameInvocations',
      summary: operationSummaries['POST /v1/functions/{name}/invocations'],
      description: 'Needs a key with the right "invoke".',
      tags: ['functions'],
      parameters: [
        nameParameter,
        { name: 'qualifier', in: 'query', schema: { type: 'string' } },
        { name: 'prefer', in: 'header', schema: { type: 'string' } },
        { name: 'idempotency-key', in: 'header', schema: { type: 'string' } },
      ],
      requestBody: { content: { 'application/json': { schema: {} } } },
      security: forKeys,
      responses: answers,
    },
  },
  '/fn/{name}': {
    get: {
      operationId: 'callHttpTrigger',
      summary: "A function's HTTP trigger; any method, and any path behind it.",
      description: 'Who may call says its triggers.http.auth.',
      tags: ['functions'],
      parameters: [nameParameter],
      responses: answers,
    },
  },
} as const;

const swaggerOptions: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Hearth',
      version: '1',
      description: 'Management of a self-hosted serverless-function host.',
    },
    paths: invocationPaths as never,
    components: {
      schemas: { Error: errorSchema as never },
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'id:secret of a key.' },
        basic: { type: 'http', scheme: 'basic', description: 'The same, as user and password.' },
      },
    },
  },
  transform: ({ schema, url, route }) => ({ schema: described(schema, url, route), url }),
};

/** `/openapi.json`: made of the routes as they are added afterwards, with their own schemas. */
export function openapiRoutes(app: FastifyInstance): void {
  app.register(swagger, swaggerOptions);
  app.register(async (scope) => {
    scope.get('/openapi.json', { config: forAnyone }, () => app.swagger());
  });
}

function described(schema: FastifySchema | undefined, url: string, route: RouteOptions) {
  if (isOthers(url)) return { ...schema, hide: true };
  const method = String(route.method).toUpperCase();
  const path = url.replaceAll(/:(\w+)/g, '{$1}');
  const access = route.config?.access;
  return {
    ...schema,
    operationId: operationId(method, path),
    summary: operationSummaries[`${method} ${path}`] ?? '',
    description: accessText(access),
    tags: [path.split('/', 3)[path.startsWith('/v1/') ? 2 : 1] ?? ''],
    security: access === 'public' ? [] : forKeys,
    response: answers,
  };
}

/** `GET /v1/keys/{id}` is `getV1KeysId`. */
const operationId = (method: string, path: string): string =>
  [method.toLowerCase(), ...path.split(/[^A-Za-z0-9]+/).filter(Boolean)]
    .map((word, index) => (index === 0 ? word : `${word[0]?.toUpperCase()}${word.slice(1)}`))
    .join('');

const accessText = (access: RouteAccess | undefined): string =>
  access === undefined || access === 'public'
    ? 'For anyone.'
    : `Needs a key with the right "${access.action}".`;
