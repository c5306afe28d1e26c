import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { Type, type Static } from 'typebox';
import { HostError } from '../domain/errors.ts';
import { parseBytes } from '../lib/units.ts';
import { readFunctionHosts } from './function-hosts.ts';
import { networkVariables, readNetworkSettings, type NetworkConfig } from './network-settings.ts';
import { readRedisSettings, redisVariables, type RedisConfig } from './redis-settings.ts';
import {
  readRegistrySettings,
  registryVariables,
  type RegistryConfig,
} from './registry-settings.ts';
import { parseRuntimeClasses, type RuntimeClasses } from './runtime-classes.ts';
import { checked } from './schema-problems.ts';

/** The environment variables of the host and of its command. One schema: also the documentation. */
export const hostConfigSchema = Type.Object(
  {
    HEARTH_DATA: Type.String({
      default: '/var/lib/hearth',
      minLength: 1,
      maxLength: 80, // the kernel takes no socket paths over 107 bytes
      description: 'Where everything that is kept lies.',
    }),
    HEARTH_LISTEN: Type.String({
      default: '127.0.0.1:8080',
      pattern: '^(.+):([0-9]{1,5})$',
      description: 'Address and port of the gateway; port 0 takes a free one.',
    }),
    HEARTH_URL: Type.Optional(
      Type.String({
        pattern: '^https?://',
        description: 'Where the command finds the host; http:// and HEARTH_LISTEN by default.',
      }),
    ),
    HEARTH_KEY: Type.Optional(
      Type.String({
        pattern: '^[^:]+:.+$',
        description: 'The key of the command, id:secret; $HEARTH_DATA/root.key by default.',
      }),
    ),
    HEARTH_FUNCTION_HOSTS: Type.String({
      default: '',
      description:
        'Hosts that functions may have, and by which nothing else is reached: names, or *.fn.example.com.',
    }),
    HEARTH_USER: Type.Optional(
      Type.String({
        pattern: '^[a-z_][a-z0-9_-]{0,31}$',
        description:
          'The user that "hearth gateway" becomes where root starts it; its data folder becomes theirs.',
      }),
    ),
    HEARTH_TLS_CERT: Type.Optional(
      Type.String({
        pattern: '^/',
        description:
          'A file with the certificate of the gateway, in PEM; read again when it changes.',
      }),
    ),
    HEARTH_TLS_KEY: Type.Optional(
      Type.String({
        pattern: '^/',
        description: 'A file with the key of that certificate, in PEM.',
      }),
    ),
    HEARTH_CLUSTER_LISTEN: Type.Optional(
      Type.String({
        // What the workers are told has to be an address at which they reach it.
        pattern: '^(?!0\\.0\\.0\\.0:|\\[?::\\]?:|\\*:)(.+):([0-9]{1,5})$',
        description:
          'Address of this machine, and port, at which workers of other machines connect to the ' +
          'gateway; only one on the same machine can by default.',
      }),
    ),
    HEARTH_RUNTIME: Type.Enum(['auto', 'crun', 'runc'], {
      default: 'auto',
      description: 'The OCI runtime; auto prefers crun.',
    }),
    HEARTH_RUNTIME_CLASSES: Type.String({
      default: '{}',
      description: 'Further OCI runtimes that functions may ask for: {"name": "/path"}.',
    }),
    HEARTH_MEMORY: Type.Optional(
      Type.String({
        pattern: '^[0-9]+(Ki|Mi|Gi|k|M|G)?$',
        description: 'Memory for all sandboxes of this node; three quarters of it by default.',
      }),
    ),
    HEARTH_CPU: Type.Optional(
      Type.String({
        pattern: '^[0-9]{1,5}(\\.[0-9]{1,2})?$',
        description:
          'Processors that sandboxes at work may be promised together; 32 times those there are ' +
          'by default, as few use all that they may.',
      }),
    ),
    HEARTH_STEMS: Type.String({
      default: '4',
      pattern: '^[0-9]{1,3}$',
      description: 'Sandboxes kept booted for each runtime that has functions; 0 for none.',
    }),
    HEARTH_NODE_LABELS: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9._/-]+=[A-Za-z0-9._-]+(,[A-Za-z0-9._/-]+=[A-Za-z0-9._-]+)*$',
        description: 'Labels of this node, for functions that ask for them: disk=ssd,zone=a.',
      }),
    ),
    HEARTH_VOLUME_DIR: Type.Optional(
      Type.String({
        pattern: '^/',
        description: 'A folder that the operator mounts, for volumes of the driver `dir`.',
      }),
    ),
    ...networkVariables,
    ...redisVariables,
    ...registryVariables,
    HEARTH_LOG_LEVEL: Type.Enum(['debug', 'info', 'warn', 'error'], {
      default: 'info',
      description: "The least level of the host's own log, on stderr.",
    }),
  },
  { additionalProperties: false },
);

type Environment = Static<typeof hostConfigSchema>;

export interface HostConfig {
  /** The standard variables `OTEL_…`, which the SDK reads by itself. Empty: nothing is traced. */
  readonly openTelemetry: Readonly<Record<string, string>>;
  readonly dataDir: string;
  readonly listen: { readonly host: string; readonly port: number };
  /** Patterns of hosts that functions may have. */
  readonly functionHosts: readonly string[];
  /** Whom a gateway becomes; undefined: it stays what it is. */
  readonly user: string | undefined;
  /** Absent: plain HTTP. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  /** Where workers of other machines connect, `tcp:host:port`; undefined: there are none. */
  readonly clusterListen: string | undefined;
  readonly url: string;
  readonly key: string | undefined;
  readonly ociRuntime: Environment['HEARTH_RUNTIME'];
  readonly runtimeClasses: RuntimeClasses;
  /** undefined: the worker decides by the machine. */
  readonly memoryBytes: number | undefined;
  /** undefined: the worker decides by the machine. */
  readonly cpu: number | undefined;
  /** Sandboxes kept booted for each runtime in use. */
  readonly stems: number;
  /** Of this node, for functions that ask for them. */
  readonly nodeLabels: Readonly<Record<string, string>>;
  /** For volumes of the driver `dir`; undefined: there are none. */
  readonly volumeDir: string | undefined;
  readonly network: NetworkConfig;
  readonly redis: RedisConfig;
  readonly registries: RegistryConfig;
  readonly logLevel: Environment['HEARTH_LOG_LEVEL'];
  readonly hostname: string;
}

/**
 * Reads the configuration; the only reader of the environment. Variables that begin with neither
 * HEARTH_ nor OTEL_ are not its business. @throws HostError `invalid` with every problem at once.
 */
export function loadHostConfig(environment: NodeJS.ProcessEnv): HostConfig {
  const given = Object.entries(environment).filter(
    ([name, text]) => name.startsWith('HEARTH_') && text !== '',
  );
  const defaults = Object.entries(hostConfigSchema.properties).flatMap(([name, schema]) =>
    'default' in schema ? [[name, schema.default] as const] : [],
  );
  const values: unknown = Object.fromEntries([...defaults, ...given]);
  const config = toConfig(checked(hostConfigSchema, values, invalid));
  return { ...config, openTelemetry: openTelemetryOf(environment) };
}

/** Traces are asked for by naming where they go; a disabled SDK or exporter "none" undoes that. */
function openTelemetryOf(environment: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const {
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
    OTEL_TRACES_EXPORTER,
    OTEL_SDK_DISABLED,
  } = environment;
  const isAsked =
    OTEL_EXPORTER_OTLP_ENDPOINT || OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || OTEL_TRACES_EXPORTER;
  if (!isAsked || OTEL_TRACES_EXPORTER === 'none' || OTEL_SDK_DISABLED === 'true') return {};
  const variables = Object.entries(environment).filter(
    (entry): entry is [string, string] => entry[0].startsWith('OTEL_') && entry[1] !== undefined,
  );
  return Object.fromEntries(variables);
}

function readRuntimeClasses(json: string): RuntimeClasses {
  const classes = parseRuntimeClasses(json);
  if (classes) return classes;
  throw invalid(['HEARTH_RUNTIME_CLASSES must be like {"name": "/path/of/an/oci/runtime"}']);
}

function invalid(problems: readonly string[]): HostError {
  return new HostError(
    'invalid',
    'config.invalid',
    `The environment is not valid: ${problems.join('; ')}.`,
    { details: { problems } },
  );
}

function toConfig(environment: Environment): Omit<HostConfig, 'openTelemetry'> {
  const scheme = environment.HEARTH_TLS_CERT === undefined ? 'http' : 'https';
  const colon = environment.HEARTH_LISTEN.lastIndexOf(':');
  const problems: string[] = [];
  const network = readNetworkSettings(environment, problems);
  const redis = readRedisSettings(environment, problems);
  const registries = readRegistrySettings(environment, problems);
  const url = environment.HEARTH_URL ?? `${scheme}://${environment.HEARTH_LISTEN}`;
  const functionHosts = readFunctionHosts(environment.HEARTH_FUNCTION_HOSTS, url, problems);
  if (problems.length > 0) throw invalid(problems);
  return {
    dataDir: resolve(environment.HEARTH_DATA),
    listen: {
      host: environment.HEARTH_LISTEN.slice(0, colon).replace(/^\[(.*)\]$/, '$1'),
      port: Number(environment.HEARTH_LISTEN.slice(colon + 1)),
    },
    user: environment.HEARTH_USER,
    tls: tlsOf(environment),
    clusterListen: clusterListenOf(environment),
    url,
    functionHosts,
    key: environment.HEARTH_KEY,
    ociRuntime: environment.HEARTH_RUNTIME,
    runtimeClasses: readRuntimeClasses(environment.HEARTH_RUNTIME_CLASSES),
    memoryBytes: parseBytes(environment.HEARTH_MEMORY ?? ''),
    cpu: environment.HEARTH_CPU === undefined ? undefined : Number(environment.HEARTH_CPU),
    stems: Number(environment.HEARTH_STEMS),
    nodeLabels: Object.fromEntries(
      (environment.HEARTH_NODE_LABELS?.split(',') ?? []).map((pair) => pair.split('=', 2)),
    ) as Record<string, string>,
    volumeDir: environment.HEARTH_VOLUME_DIR,
    network,
    redis,
    registries,
    logLevel: environment.HEARTH_LOG_LEVEL,
    hostname: hostname(),
  };
}

function clusterListenOf({ HEARTH_CLUSTER_LISTEN }: Environment): string | undefined {
  return HEARTH_CLUSTER_LISTEN && `tcp:${HEARTH_CLUSTER_LISTEN.replace(/^\[(.*)\]:/, '$1:')}`;
}

function tlsOf({ HEARTH_TLS_CERT, HEARTH_TLS_KEY }: Environment): HostConfig['tls'] {
  if (HEARTH_TLS_CERT !== undefined && HEARTH_TLS_KEY !== undefined) {
    return { certFile: HEARTH_TLS_CERT, keyFile: HEARTH_TLS_KEY };
  }
  if (HEARTH_TLS_CERT === HEARTH_TLS_KEY) return undefined;
  throw invalid(['HEARTH_TLS_CERT and HEARTH_TLS_KEY: set both or neither']);
}
