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
};

const schema = Type.Object(redisVariables);

/** What ioredis takes. */
export type RedisAddress =
  | { readonly path: string }
  | {
      readonly host: string;
      readonly port: number;
      readonly db: number;
      readonly username?: string;
      readonly password?: string;
      readonly tls?: object;
    };

/** undefined: the one that `hearth up` starts, in its data folder. */
export interface RedisConfig {
  readonly durable: RedisAddress | undefined;
  readonly fast: RedisAddress | undefined;
  /** As they were given, for a process of the same host. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Adds to the problems what is wrong. */
export function readRedisSettings(
  environment: Static<typeof schema>,
  problems: string[],
): RedisConfig {
  const address = (name: keyof typeof redisVariables): RedisAddress | undefined => {
    const text = environment[name];
    const parsed = text === undefined ? undefined : parseAddress(text);
    if (text !== undefined && !parsed) problems.push(`${name}: is not a URL of a Redis`);
    return parsed;
  };
  return {
    durable: address('HEARTH_REDIS_DURABLE'),
    fast: address('HEARTH_REDIS_FAST'),
    variables: givenVariables(environment, redisVariables),
  };
}

function parseAddress(text: string): RedisAddress | undefined {
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
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
  };
}
