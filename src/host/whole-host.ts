import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { HostConfig } from '../config/host-config.ts';
import type { Logger } from '../domain/logger.ts';
import type { Service } from '../domain/service.ts';
import { minimalEnv } from '../lib/exec.ts';
import { EmbeddedRedis } from '../supervisor/embedded-redis.ts';
import { HostProcess } from '../supervisor/host-process.ts';
import { dataPaths } from './data-paths.ts';
import { imagesOf } from './images.ts';

export interface StartStep {
  readonly name: string;
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** Everything on one machine, as processes that are watched. */
export interface WholeHost {
  /** In the order of starting; what has no place in a process of its own comes first. */
  readonly steps: readonly StartStep[];
  stop(grace: AbortSignal): Promise<void>;
  /** The gateway's, once all steps have run. */
  readonly url: string;
}

export function createWholeHost(config: HostConfig, logger: Logger): WholeHost {
  const paths = dataPaths(config.dataDir);
  const images = imagesOf(config);
  const main = fileURLToPath(new URL('../main.ts', import.meta.url));
  const env = (listen: string) => childEnvironment(config, listen);
  const worker = new HostProcess({
    role: 'worker',
    main,
    env: () => env(listenOf(config)),
    logger,
  });
  const gateway = new HostProcess({
    role: 'gateway',
    main,
    // Once it has answered on a free port, callers know that port: a restart takes it again.
    env: (url) => env(url === '' ? listenOf(config) : new URL(url).host),
    logger,
  });
  const processes = [
    ...(config.redis.durable ? [] : [new EmbeddedRedis('durable', paths.durableRedis, logger)]),
    ...(config.redis.fast ? [] : [new EmbeddedRedis('fast', paths.fastRedis, logger)]),
    worker,
    gateway,
  ];
  const started: Service[] = [];
  return {
    steps: [
      {
        name: 'base image node24',
        run: async (signal) => {
          await mkdir(config.dataDir, { recursive: true });
          await images.open({ exclusive: true, isGateways: true });
          const { digest } = await images.baseImages.ensure('node24');
          await images.provider.prepare(digest, signal); // so that no call has to unpack it
        },
      },
      ...processes.map((service) => ({
        name: service.name,
        run: async (signal: AbortSignal) => {
          started.push(service);
          await service.start(signal);
        },
      })),
    ],
    stop: (grace) => stopAll(started, grace),
    get url() {
      return gateway.announcement;
    },
  };
}

async function stopAll(services: readonly Service[], grace: AbortSignal): Promise<void> {
  for (const service of services.toReversed()) await service.stop(grace);
}

/** What a gateway or a worker of this host has to know; nothing else of our environment. */
function childEnvironment(config: HostConfig, listen: string): Record<string, string> {
  return {
    ...minimalEnv,
    // Node's own: the next start finds the host's modules compiled, and takes half a second less.
    NODE_COMPILE_CACHE: dataPaths(config.dataDir).compiledCode,
    HEARTH_DATA: config.dataDir,
    HEARTH_LISTEN: listen,
    HEARTH_FUNCTION_HOSTS: config.functionHosts.join(','),
    HEARTH_RUNTIME: config.ociRuntime,
    HEARTH_RUNTIME_CLASSES: JSON.stringify(config.runtimeClasses),
    HEARTH_STEMS: String(config.stems),
    ...config.network.variables,
    ...config.redis.variables,
    ...config.registries.variables,
    HEARTH_REGISTRY_AUTH: config.registries.credentialsFile, // where our HOME says, which they lack
    ...(config.cpu === undefined ? {} : { HEARTH_CPU: String(config.cpu) }),
    HEARTH_LOG_LEVEL: config.logLevel,
    ...(config.volumeDir === undefined ? {} : { HEARTH_VOLUME_DIR: config.volumeDir }),
    ...labelsOf(config),
    ...(config.tls === undefined
      ? {}
      : { HEARTH_TLS_CERT: config.tls.certFile, HEARTH_TLS_KEY: config.tls.keyFile }),
    ...(config.clusterListen === undefined
      ? {}
      : { HEARTH_CLUSTER_LISTEN: config.clusterListen.slice('tcp:'.length) }),
    ...config.openTelemetry,
    ...(config.memoryBytes === undefined ? {} : { HEARTH_MEMORY: String(config.memoryBytes) }),
  };
}

function labelsOf({ nodeLabels }: HostConfig): Record<string, string> {
  const pairs = Object.entries(nodeLabels).map(([name, value]) => `${name}=${value}`);
  return pairs.length === 0 ? {} : { HEARTH_NODE_LABELS: pairs.join(',') };
}

function listenOf({ listen: { host, port } }: HostConfig): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
