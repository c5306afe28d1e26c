import { Type, type Static } from 'typebox';
import { givenVariables } from './given-variables.ts';

const url = '^(unix:/.+|rediss?://.+)$';

/** Variables about Redis: one for what must survive, one for what is worth nothing a moment later. */
export const redisVariables = {
  HEARTH_REDIS_DURABLE: Type.Optional(
    Type.String({
      pattern: url,
      description:
        'Redis for definitions, queues and records, unix:/path or redis://…; its own by default.',
    }),
  ),
  HEARTH_REDIS_FAST: Type.Optional(
    Type.String({
      pattern: url,
      description:
        'Redis for lanes, events and who is there, unix:/path or redis://…; its own by default.',
    }),
  ),
  HEARTH_REDIS_CA: Type.Optional(
    Type.String({
      pattern: '^/',
      description:
        'A file with the certificates, in PEM, of who vouches for Redis at rediss://…; those that Node knows by default.',
    }),
  ),
  HEARTH_REDIS_CERT: Type.Optional(
    Type.String({
      pattern: '^/',
      description: 'A file with the certificate, in PEM, that is shown to Redis at rediss://….',
    }),
  ),
  HEARTH_REDIS_KEY: Type.Optional(
    Type.String({
      pattern: '^/',
      description: 'A file with the key of that certificate, in PEM.',
    }),
  ),
  HEARTH_QUEUES: Type.Optional(
    Type.String({
      pattern: '^[a-z0-9-]+=rediss?://\\S+( [a-z0-9-]+=rediss?://\\S+)*$',
      description:
        'Redis of applications with queues that trigger functions: name=redis://…, with spaces between.',
    }),
  ),
};

const schema = Type.Object(redisVariables);

/** Paths of files in PEM. */
export interface RedisTlsFiles {
  /** Absent: the authorities that Node knows. */
  readonly caFile?: string;
  /** Absent: Redis asks for no certificate of ours. */
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** Where a Redis is and how it is reached. */
export type RedisAddress =
  | { readonly path: string }
  | {
      readonly host: string;
      readonly port: number;
      readonly db: number;
      readonly username?: string;
      readonly password?: string;
      /** Absent: no TLS. */
      readonly tls?: RedisTlsFiles;
    };

/** undefined: the one that `hearth up` starts, in its data folder. */
export interface RedisConfig {
  readonly durable: RedisAddress | undefined;
  readonly fast: RedisAddress | undefined;
  /** Others, with queues of applications, by the names that functions use for them. */
  readonly queues: ReadonlyMap<string, RedisAddress>;
  /** As they were given, for a process of the same host. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Adds to the problems what is wrong. */
export function readRedisSettings(
  environment: Static<typeof schema>,
  problems: string[],
): RedisConfig {
  const tls = tlsFiles(environment, problems);
  const address = (name: keyof typeof redisVariables, text = environment[name]) => {
    const parsed = text === undefined ? undefined : parseAddress(text, tls);
    if (text !== undefined && !parsed) problems.push(`${name}: is not a URL of a Redis`);
    return parsed;
  };
  const queues = (environment.HEARTH_QUEUES?.split(' ') ?? []).flatMap((pair) => {
    const [name = ''] = pair.split('=', 1);
    const found = address('HEARTH_QUEUES', pair.slice(name.length + 1));
    return found ? [[name, found] as const] : [];
  });
  return {
    durable: address('HEARTH_REDIS_DURABLE'),
    fast: address('HEARTH_REDIS_FAST'),
    queues: new Map(queues),
    variables: givenVariables(environment, redisVariables),
  };
}

function tlsFiles(
  {
    HEARTH_REDIS_CA: caFile,
    HEARTH_REDIS_CERT: certFile,
    HEARTH_REDIS_KEY: keyFile,
  }: Static<typeof schema>,
  problems: string[],
): RedisTlsFiles {
  if ((certFile === undefined) !== (keyFile === undefined)) {
    problems.push('HEARTH_REDIS_CERT and HEARTH_REDIS_KEY: set both or neither');
  }
  return {
    ...(caFile === undefined ? {} : { caFile }),
    ...(certFile === undefined ? {} : { certFile }),
    ...(keyFile === undefined ? {} : { keyFile }),
  };
}

function parseAddress(text: string, tls: RedisTlsFiles): RedisAddress | undefined {
  if (text.startsWith('unix:')) return { path: text.slice('unix:'.length) };
  const parsed = URL.parse(text);
  if (!parsed || parsed.hostname === '') return undefined;
  const { hostname, port, pathname, username, password, protocol } = parsed;
  const db = Number(pathname.slice(1));
  if (!Number.isInteger(db)) return undefined;
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(port || 6379),
    db,
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' ? { tls } : {}),
  };
}
