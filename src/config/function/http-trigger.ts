import { Type, type Static } from 'typebox';
import { hostNamePattern } from '../../domain/function-host.ts';
import type { FunctionSpec } from '../../domain/function.ts';
import { hmacFormats, httpAuths, type Cors, type HttpTrigger } from '../../domain/http-trigger.ts';
import { parseDuration } from '../../lib/units.ts';
import type { Problems } from './problems.ts';
import { strict } from './strict.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
const headerName = Type.String({ pattern: '^[A-Za-z0-9-]{1,100}$' });

const jwtSchema = Type.Object(
  {
    issuer: Type.String({ minLength: 1, description: 'Who made the token: its `iss`.' }),
    audience: Type.String({ minLength: 1, description: 'Whom it is for: its `aud`.' }),
    jwks: Type.String({
      pattern: '^https://[^\\s]+$',
      description: 'Where the issuer publishes its keys.',
    }),
  },
  strict,
);

const hmacSchema = Type.Object(
  {
    format: Type.Enum([...hmacFormats], { description: 'How the signature is sent.' }),
    secret: Type.String({
      pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
      description: 'The name of the secret that both sides know.',
    }),
  },
  strict,
);

const corsSchema = Type.Object(
  {
    origins: Type.Array(Type.String({ pattern: '^(\\*|https?://[^/\\s]+)$' }), {
      minItems: 1,
      maxItems: 50,
      description: 'Origins whose pages may call, such as https://shop.example.com; `*`: all.',
    }),
    headers: Type.Optional(Type.Array(headerName, { default: [], description: 'They may send.' })),
    exposed: Type.Optional(Type.Array(headerName, { default: [], description: 'They may read.' })),
    credentials: Type.Optional(
      Type.Boolean({ default: false, description: 'Cookies and `Authorization` may be sent.' }),
    ),
    maxAge: Type.Optional(
      Type.String({ default: '10m', description: 'How long a browser remembers it, 0s to 24h.' }),
    ),
  },
  strict,
);

export const httpTriggerSchema = Type.Object(
  {
    auth: Type.Optional(
      Type.Enum([...httpAuths], {
        default: 'key',
        description: 'Who may call: anyone, or who has a key, a token, or signs.',
      }),
    ),
    jwt: Type.Optional(jwtSchema),
    hmac: Type.Optional(hmacSchema),
    cors: Type.Optional(corsSchema),
    methods: Type.Optional(
      Type.Array(Type.Enum([...methods]), {
        default: [],
        description: 'The methods that are served; all when empty.',
      }),
    ),
    hosts: Type.Optional(
      Type.Array(Type.String({ pattern: hostNamePattern, maxLength: 253 }), {
        default: [],
        maxItems: 20,
        uniqueItems: true,
        description: 'Hosts, of those in HEARTH_FUNCTION_HOSTS, by which it is reached.',
      }),
    ),
  },
  strict,
);

export function readHttpTrigger(
  http: Static<typeof httpTriggerSchema> | undefined,
  problems: Problems,
): FunctionSpec['http'] {
  if (!http) return undefined;
  const { auth = 'key', jwt, hmac, cors, hosts = [] } = http;
  for (const kind of ['jwt', 'hmac'] as const) {
    const isThere = http[kind] !== undefined;
    if (isThere === (auth === kind)) continue;
    problems.add(
      isThere
        ? `triggers.http.${kind}: needs "auth": "${kind}"`
        : `triggers.http.${kind}: is missing for "auth": "${kind}"`,
    );
  }
  const trigger: HttpTrigger = {
    auth,
    methods: http.methods ?? [],
    ...(hosts.length > 0 ? { hosts } : {}),
    ...(jwt ? { jwt } : {}),
    ...(hmac ? { hmac } : {}),
    ...(cors ? { cors: readCors(cors, problems) } : {}),
  };
  return trigger;
}

function readCors(
  {
    origins,
    headers = [],
    exposed = [],
    credentials = false,
    maxAge = '10m',
  }: Static<typeof corsSchema>,
  problems: Problems,
): Cors {
  if (credentials && origins.includes('*')) {
    problems.add('triggers.http.cors: "credentials" needs "origins" by name, not "*"');
  }
  return {
    origins,
    headers: headers.map((name) => name.toLowerCase()),
    exposed,
    credentials,
    maxAgeMs: problems.quantity('triggers.http.cors.maxAge', maxAge, parseDuration, ['0s', '24h']),
  };
}
