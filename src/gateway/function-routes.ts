import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type, type Static } from 'typebox';
import { parseFunctionConfig } from '../config/function-config.ts';
import type { DeployProgress, FunctionDeployer } from '../domain/deployer.ts';
import { fitsType } from '../domain/fact-matching.ts';
import type { FactPattern } from '../domain/fact-pattern.ts';
import { HostError } from '../domain/errors.ts';
import type { FunctionRecord, FunctionSpec, FunctionStore } from '../domain/function.ts';
import { isDigest } from '../domain/ids.ts';
import { parseImageReference } from '../domain/image-reference.ts';
import { packageLimitBytes } from '../domain/limits.ts';
import type { LogQuery, LogStore } from '../domain/log.ts';
import type { Schedules } from '../domain/schedule.ts';
import { can, everything, type Principal } from '../domain/principal.ts';
import { throttledBlobs } from './blob-progress.ts';
import { requireRight } from './callers.ts';
import { deployment, functionDetails, functionSummary, logLine } from './function-views.ts';
import { answerInLines, wantsLines } from './json-lines.ts';
import { readPackageConfig } from './package-config.ts';
import { forNamed, forSome } from './route-access.ts';
import { EventStreams } from './server-sent-events.ts';

export interface FunctionRoutesOptions {
  readonly functions: FunctionStore;
  readonly deployer: FunctionDeployer;
  readonly schedules: Schedules;
  readonly logs: Pick<LogStore, 'read' | 'follow'>;
}

interface ByName {
  readonly Params: { readonly name: string };
}

const logsQuerySchema = Type.Object({
  invocation: Type.Optional(Type.String({ description: 'Only lines of this invocation.' })),
  since: Type.Optional(
    Type.Integer({ minimum: 0, description: 'Only lines from then on; epoch milliseconds.' }),
  ),
  limit: Type.Integer({
    default: 100,
    minimum: 1,
    maximum: 10_000,
    description: 'The newest so many.',
  }),
  follow: Type.Boolean({
    default: false,
    description: 'Then go on with what is written, as server-sent events.',
  }),
});

const deployQuerySchema = Type.Object({
  staged: Type.Boolean({ default: false, description: 'Let what serves go on serving.' }),
});

type DeployQuery = Static<typeof deployQuerySchema>;
type LogsQuery = Static<typeof logsQuerySchema>;

/** Management of functions, `/v1/functions…`. */
export function functionRoutes(app: FastifyInstance, options: FunctionRoutesOptions): void {
  const { functions, schedules, deployer, logs } = options;
  const streams = new EventStreams(app);

  // A package is held in memory whole: it is at most 50 MiB, and only holders of a key send one.
  app.addContentTypeParser(
    'application/x-tar',
    { parseAs: 'buffer', bodyLimit: packageLimitBytes },
    (_request, body, done) => done(null, body),
  );

  const deploying = { config: forSome('deploy'), schema: { querystring: deployQuerySchema } };
  app.post<{ Querystring: DeployQuery }>('/v1/functions', deploying, async (request, reply) => {
    if (!Buffer.isBuffer(request.body)) throw noPackage();
    const spec = parseFunctionConfig(await readPackageConfig(request.body));
    requireRight(request.principal, 'deploy', spec.name);
    checkSchedules('triggers.cron', schedules.problems(spec.cron ?? []));
    checkSchedules('scaling.provisioned', schedules.problems(boundaries(spec)));
    for (const { name, readOnly } of spec.volumes) {
      requireRight(request.principal, readOnly ? 'read' : 'deploy', name);
    }
    // Nobody gives a function what they do not have themselves.
    const image = imageName(spec.image?.reference);
    if (image !== undefined) requireRight(request.principal, 'registry:pull', image);
    for (const called of spec.network?.calls ?? []) {
      requireRight(request.principal, 'invoke', called);
    }
    for (const network of spec.network?.networks ?? []) {
      requireRight(request.principal, 'deploy', network);
    }
    requireFactRights(request.principal, spec.events ?? []);
    const body = Readable.from([request.body]);
    const isStaged = request.query.staged;
    if (wantsLines(request)) {
      return answerInLines(request, reply, async (tell) => {
        const onBlob = throttledBlobs((blob) => tell({ progress: { blob } }));
        const onProgress = (progress: DeployProgress) =>
          'blob' in progress ? onBlob(progress.blob) : tell({ progress });
        const deployed = await deployer.deploy(spec, body, { isStaged, onProgress });
        return { deployed: deployment(deployed, baseUrl(request)) };
      });
    }
    const deployed = await deployer.deploy(spec, body, { isStaged });
    return reply.code(deployed.changed ? 201 : 200).send(deployment(deployed, baseUrl(request)));
  });

  app.get('/v1/functions', { config: forSome('read') }, (request) => ({
    functions: functions
      .list()
      .filter(({ name }) => can(request.principal, 'read', name))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map((record) => functionSummary(record, baseUrl(request))),
  }));

  app.get<ByName>('/v1/functions/:name', { config: forNamed('read') }, (request) =>
    functionDetails(find(functions, request.params.name), baseUrl(request)),
  );

  app.delete<ByName>(
    '/v1/functions/:name',
    { config: forNamed('deploy') },
    async (request, reply) => {
      const { name } = request.params;
      if (!(await deployer.remove(name))) throw noFunction(name);
      return reply.code(204).send();
    },
  );

  app.get<ByName & { Querystring: LogsQuery }>(
    '/v1/functions/:name/logs',
    { config: forNamed('read'), schema: { querystring: logsQuerySchema } },
    async (request, reply) => {
      const { name } = find(functions, request.params.name);
      const query = logQuery(name, request.query);
      if (!request.query.follow) return { entries: (await logs.read(query)).map(logLine) };
      const stream = streams.open(reply);
      try {
        for await (const entry of logs.follow(query, stream.ended)) {
          stream.send({ data: logLine(entry) });
        }
      } finally {
        stream.close();
      }
    },
  );
}

function logQuery(functionName: string, { invocation, since, limit }: LogsQuery): LogQuery {
  return {
    functionName,
    limit,
    ...(invocation === undefined ? {} : { invocationId: invocation }),
    ...(since === undefined ? {} : { sinceMs: since }),
  };
}

/** A function is told nothing that its deployer may not see: facts of functions, by name, or all. */
function requireFactRights(principal: Principal, patterns: readonly FactPattern[]): void {
  for (const { types, match } of patterns) {
    if (types.some((type) => fitsType(type, 'audit.request'))) {
      requireRight(principal, 'admin', everything);
    }
    const names = match['functionName'] ?? [everything];
    for (const name of names) requireRight(principal, 'read', String(name));
  }
}

/** Where the caller reached us, by its own word. */
const baseUrl = (request: FastifyRequest): string => `${request.protocol}://${request.host}`;

function find(functions: FunctionStore, name: string): FunctionRecord {
  const record = functions.get(name);
  if (record) return record;
  throw noFunction(name);
}

const noFunction = (name: string): HostError =>
  new HostError('not_found', 'gateway.no_function', `There is no function "${name.slice(0, 80)}".`);

/** Registry and repository of an image that a function names; an archive's digest is not guessed. */
function imageName(reference: string | undefined): string | undefined {
  if (reference === undefined || isDigest(reference)) return undefined;
  const { registry, repository } = parseImageReference(reference);
  return registry === undefined ? repository : `${registry}/${repository}`;
}

/** When windows begin and end, as schedules. */
const boundaries = ({ scaling: { provisioned = [] } }: FunctionSpec) =>
  provisioned.flatMap(({ from, until, timeZone }) =>
    [from, until].map((schedule) => ({ schedule, timeZone })),
  );

function checkSchedules(key: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new HostError(
    'invalid',
    'function.invalid_schedule',
    `hearth.json is not valid: ${key}: ${problems.join('; ')}.`,
    { details: { problems } },
  );
}

const noPackage = (): HostError =>
  new HostError(
    'invalid',
    'gateway.no_package',
    'Send the package as the body, a tar of type application/x-tar.',
  );
