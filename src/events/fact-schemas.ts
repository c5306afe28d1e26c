import { Type, type TSchema } from 'typebox';
import type { FactType } from '../domain/facts.ts';
import type { Digest } from '../domain/ids.ts';
import type { SpanReference } from '../domain/trace.ts';

const text = Type.String();
const count = Type.Integer({ minimum: 0 });
const ms = Type.Number({ minimum: 0, description: 'milliseconds' });
const epochMs = Type.Number({ description: 'epoch milliseconds' });
const digest = Type.Unsafe<Digest>(Type.String({ pattern: '^sha256:' }));
const functionName = text;
const sandboxId = text;
const one = <const Values extends readonly string[]>(values: Values) =>
  Type.Unsafe<Values[number]>(Type.Enum([...values]));

const data = <Properties extends Record<string, TSchema>>(properties: Properties) =>
  Type.Object(properties);

const making = {
  volumes: Type.Optional(ms),
  network: Type.Optional(ms),
  root: Type.Optional(ms),
  create: Type.Optional(ms),
  specialise: Type.Optional(ms),
  boot: Type.Optional(ms),
};

const blobs = Type.Object({ count, bytes: count });

const spanReference = Type.Object({ traceId: text, spanId: text });
const trace = Type.Object({
  traceId: text,
  parentId: Type.Optional(text),
  spanId: text,
  runSpanId: text,
  isSampled: Type.Boolean(),
  isAttempt: Type.Optional(Type.Literal(true)),
  links: Type.Optional(Type.Unsafe<readonly SpanReference[]>(Type.Array(spanReference))),
});

/** JSON Schema of the data of each fact, and so of the `data` of its CloudEvent. */
export const factSchemas = {
  'sandbox.created': data({
    sandboxId,
    functionName,
    version: digest,
    start: one(['stem', 'cold']),
    createMs: ms,
    steps: Type.Object(making),
    initMs: ms,
  }),
  'sandbox.destroyed': data({
    sandboxId,
    functionName,
    reason: one([
      'idle',
      'evicted',
      'spent',
      'retired',
      'superseded',
      'timeout',
      'cancelled',
      'crashed',
      'out_of_memory',
      'volume_lost',
      'protocol_violation',
      'init_failed',
      'shutdown',
    ]),
    invocations: count,
  }),
  'sandbox.frozen': data({ sandboxId, functionName }),
  'sandbox.thawed': data({ sandboxId, functionName }),
  'sandbox.leftovers_removed': data({ cgroups: count, processes: count }),
  'invocation.completed': data({
    invocationId: text,
    acceptedMs: epochMs,
    trace: Type.Optional(trace),
    source: Type.Optional(one(['invoke', 'cron', 'queue', 'event', 'destination', 'replay'])),
    queue: Type.Optional(text),
    callDepth: Type.Optional(count),
    functionName,
    version: digest,
    outcome: one([
      'ok',
      'function_error',
      'timeout',
      'out_of_memory',
      'crashed',
      'cancelled',
      'host_error',
    ]),
    reason: Type.Optional(text),
    status: Type.Optional(Type.Integer()),
    start: Type.Optional(one(['warm', 'thawed', 'stem', 'cold'])),
    timings: Type.Object({
      queue: Type.Optional(ms),
      lease: Type.Optional(ms),
      init: Type.Optional(ms),
      run: Type.Optional(ms),
    }),
    steps: Type.Optional(Type.Object({ image: Type.Optional(ms), ...making })),
  }),
  'http.answered': data({
    invocationId: text,
    functionName,
    method: text,
    route: text,
    status: Type.Integer(),
    reason: Type.Optional(text),
    receivedMs: epochMs,
    durationMs: ms,
    trace: Type.Optional(trace),
  }),
  'policy.denied': data({ functionName, target: text, protocol: text, port: count }),
  'usage.measured': data({ functionName, cpuMs: ms, egressBytes: count }),
  'image.pulled': data({
    reference: text,
    digest,
    fetched: blobs,
    kept: blobs,
    durationMs: ms,
  }),
  'function.deployed': data({ functionName, version: digest, number: count }),
  'function.traffic_changed': data({
    functionName,
    live: digest,
    split: Type.Optional(Type.Object({ version: digest, percent: Type.Number() })),
  }),
  'function.canary_moved': data({
    functionName,
    version: digest,
    move: one(['advanced', 'promoted', 'rolled_back']),
    percent: Type.Number(),
    reason: text,
  }),
  'function.removed': data({ functionName }),
  'node.joined': data({ node: text, hostname: text }),
  'node.left': data({ node: text, hostname: text }),
  'node.lost': data({ node: text }),
  'facts.lost': data({ count }),
  'event.dropped': data({ queue: text, count }),
  'audit.request': data({
    requestId: text,
    keyId: text,
    sourceIp: text,
    method: text,
    path: text,
    status: Type.Integer(),
  }),
} satisfies Record<FactType, TSchema>;
