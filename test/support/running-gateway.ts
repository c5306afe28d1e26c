import { once } from 'node:events';
import { request, type IncomingMessage, type RequestOptions } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { FunctionRecord, FunctionSpec } from '../../src/domain/function.ts';
import type { LogEntry, LogQuery } from '../../src/domain/log.ts';
import type { Fact } from '../../src/domain/facts.ts';
import type { KeyRecord } from '../../src/domain/key.ts';
import type { SecretRecord } from '../../src/domain/secret.ts';
import type { Quotas } from '../../src/domain/quota.ts';
import type { NetworkRecord } from '../../src/domain/private-network.ts';
import type { StackRecord } from '../../src/domain/stack.ts';
import type { NodeInfo, NodeRecord } from '../../src/domain/node.ts';
import type { SandboxView } from '../../src/domain/sandbox-view.ts';
import type { UsageRow } from '../../src/domain/usage.ts';
import type { WebhookRecord } from '../../src/domain/webhook.ts';
import { factSchemas } from '../../src/events/fact-schemas.ts';
import { noTracing, type Tracing } from '../../src/domain/trace.ts';
import type { Schedules } from '../../src/domain/schedule.ts';
import type { TlsFiles } from '../../src/gateway/certificate.ts';
import { createGateway, type Gateway } from '../../src/gateway/gateway.ts';
import type { Registry } from '../../src/images/index.ts';
import { createFunctionDeployer } from '../../src/orchestration/function-deployer.ts';
import { recordedNetworks } from '../../src/orchestration/private-networks.ts';
import { requireHosts } from '../../src/orchestration/required-hosts.ts';
import { recordedNodes } from '../../src/orchestration/node-registry.ts';
import { placeFunction } from '../../src/orchestration/placement-policy.ts';
import { KeyAuthorizer } from '../../src/security/key-authorizer.ts';
import { Sealer } from '../../src/security/sealer.ts';
import { CallerGuard } from '../../src/security/trigger-guard.ts';
import { StoredKeys } from '../../src/security/stored-keys.ts';
import { StoredSecrets } from '../../src/security/stored-secrets.ts';
import { digestOf, recordOf, specOf, preparedImage } from './function-records.ts';
import { MemoryEventQueueControl } from './memory-event-queue-control.ts';
import { MemoryFactFeed } from './memory-fact-feed.ts';
import { MemoryIdempotencyKeys } from './memory-idempotency-keys.ts';
import { MemoryInvocations } from './memory-invocations.ts';
import { MemoryRecordStore } from './memory-record-store.ts';
import { MemoryVolumes } from './memory-volumes.ts';
import { ScriptedWorker } from './scripted-worker.ts';

export const withKey = { authorization: 'Bearer root:secret' };

/** What the operator gives functions. */
const functionHosts = ['*.fn.example.com', 'api.example.com'];

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

const noSchedules: Schedules = {
  problems: () => [],
  list: async () => [],
  next: () => [],
  pause: async () => {},
  resume: async () => {},
  trigger: async () => '',
  history: async () => [],
};

/** A gateway that listens on a free port of the loopback, with everything behind it played. */
export class RunningGateway implements AsyncDisposable {
  readonly worker = new ScriptedWorker();
  usageBetween: (first: string, last: string) => readonly UsageRow[] = () => [];
  beginTrace: Tracing['begin'] = () => undefined;
  /** Without end, but for tests of them. */
  quotas: Quotas = { take: async () => ({ [Symbol.dispose]: () => {} }) };
  readonly volumes = new MemoryVolumes();
  readonly feed = new MemoryFactFeed();
  readonly invocations = new MemoryInvocations();
  readonly eventQueues = new MemoryEventQueueControl();
  readonly functions = new MemoryRecordStore<FunctionRecord>();
  readonly webhooks = new MemoryRecordStore<WebhookRecord>();
  readonly networkRecords = new MemoryRecordStore<NetworkRecord>();
  readonly stacks = new MemoryRecordStore<StackRecord>();
  readonly keyRecords = new MemoryRecordStore<KeyRecord>();
  readonly keys: StoredKeys;
  readonly secrets: StoredSecrets;
  readonly facts: Fact[] = [];
  readonly logged: { level: string; fields: object; message: string }[] = [];
  readonly logQueries: LogQuery[] = [];
  nodes: NodeInfo[] = [{ id: 'node-1', hostname: 'one', memoryBytes: 1, startedAt: '' }];
  sandboxes: SandboxView[] = [];
  /** What a package is built to. */
  builtDigest = digestOf('a');
  logEntries: LogEntry[] = [];
  /** What the issuers of tokens answer. */
  fetchIssuer: typeof fetch = async () => new Response('', { status: 503 });
  /** What following gives: whoever tests it writes into it. */
  readonly followedLogs = new PassThrough({ objectMode: true });
  readonly gateway: Gateway;
  readonly dir = mkdtempSync(join(tmpdir(), 'hearth-gateway-'));
  readonly functionCallsPath = join(this.dir, 'calls.sock');
  /** Images stay away, but for tests of the registry. */
  constructor(port = 0, registry: Registry = {} as Registry, tls?: TlsFiles) {
    const log = (level: string) => (fields: object, message: string) =>
      this.logged.push({ level, fields, message });
    const logger = {
      debug: log('debug'),
      info: log('info'),
      warn: log('warn'),
      error: log('error'),
    };
    const key = { id: '00000001', bytes: Buffer.alloc(32, 1) };
    const sealer = new Sealer({ current: key, find: (id) => (id === key.id ? key : undefined) });
    const records = this.keyRecords;
    this.keys = new StoredKeys({ records, sealer });
    const secretRecords = new MemoryRecordStore<SecretRecord>();
    this.secrets = new StoredSecrets({ records: secretRecords, sealer });
    this.gateway = createGateway({
      listen: { host: '127.0.0.1', port },
      functionCallsPath: this.functionCallsPath,
      tls,
      functions: this.functions,
      functionHosts,
      archives: {
        import: () => Promise.reject(new Error('no archives here')),
      },
      backups: {
        write: () => Promise.reject(new Error('no backups here')),
        restore: () => Promise.reject(new Error('no backups here')),
      },
      deployer: createFunctionDeployer({
        functions: this.functions,
        packages: { build: async () => this.builtDigest },
        images: { prepare: async (digest) => preparedImage(digest) },
        secrets: this.secrets,
        admitLive: (spec) => requireHosts(spec, functionHosts, this.functions),
        facts: { publish: () => {} },
      }),
      nodes: { live: () => this.nodes },
      sandboxes: {
        list: async (prefix = '') => ({
          sandboxes: this.sandboxes.filter(({ id }) => id.startsWith(prefix)),
          silentNodes: [],
        }),
      },
      place: (spec, live, inFlightOn) => placeFunction(spec, live, inFlightOn),
      nodeRegistry: recordedNodes({
        nodes: { live: () => this.nodes },
        records: new MemoryRecordStore<NodeRecord>(),
        isOurs: () => true,
      }),
      schedules: noSchedules,
      volumes: this.volumes,
      volumeRecords: this.volumes,
      networks: recordedNetworks({ records: this.networkRecords, admit: () => {} }),
      networkRecords: this.networkRecords,
      stacks: this.stacks,
      webhooks: this.webhooks,
      feed: this.feed,
      factSchemas,
      tracing: { ...noTracing, begin: (header) => this.beginTrace(header) },
      usage: { between: async (...days) => this.usageBetween(...days) },
      metrics: { contentType: 'text/plain', render: async () => 'hearth_up 1\n' },
      lane: this.worker,
      invoker: this.invocations,
      records: this.invocations,
      eventQueues: this.eventQueues,
      idempotency: new MemoryIdempotencyKeys(),
      replies: this.worker,
      logs: {
        read: async (query) => {
          this.logQueries.push(query);
          return this.logEntries;
        },
        follow: (query) => {
          this.logQueries.push(query);
          return this.followedLogs;
        },
      },
      keys: this.keys,
      secrets: this.secrets,
      masterKey: { rotate: async () => 0 },
      guard: new CallerGuard({
        secrets: this.secrets,
        fetch: (...args) => this.fetchIssuer(...args),
      }),
      authorizer: new KeyAuthorizer({ rootSecret: 'secret', records, sealer, logger }),
      quotas: { take: (...args) => this.quotas.take(...args) },
      facts: { publish: (type, data) => void this.facts.push({ type, data } as Fact) },
      logger,
      ...registry,
      nodesGarbage: { collect: async () => ({ nodes: [], silentNodes: [] }) },
    });
  }

  static async start(registry?: Registry): Promise<RunningGateway> {
    const running = new RunningGateway(0, registry);
    await running.gateway.start(AbortSignal.timeout(30_000));
    return running;
  }

  async addFunction(name: string, overrides: Partial<FunctionSpec> = {}): Promise<void> {
    await this.functions.put(recordOf(specOf(name, overrides)));
  }

  /** Sends exactly this path, as no URL parser would let through. */
  async open(
    method: string,
    path: string,
    options: RequestOptions & { readonly body?: string | Uint8Array } = {},
  ): Promise<IncomingMessage> {
    const { port, hostname } = new URL(this.gateway.address);
    const { body, ...rest } = options;
    const sent = request({ method, hostname, port, path, agent: false, ...rest });
    sent.end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    // A refusal comes before the body is sent: what is left of that then meets a closed connection.
    sent.on('error', () => {});
    return response;
  }

  async send(...args: Parameters<RunningGateway['open']>): Promise<Answer> {
    const response = await this.open(...args);
    const { statusCode: status = 0, headers } = response;
    return { status, headers, text: await text(response) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway.stop(AbortSignal.abort());
    rmSync(this.dir, { recursive: true });
  }
}
