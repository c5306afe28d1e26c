import { Type, type Static } from 'typebox';
import type { FunctionSpec } from '../../domain/function.ts';
import { strict } from './strict.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

export const httpTriggerSchema = Type.Object(
  {
    auth: Type.Optional(
      Type.Enum(['none', 'key'], {
        default: 'key',
        description: '`none`: anyone may call. `key`: callers need a key.',
      }),
    ),
    methods: Type.Optional(
      Type.Array(Type.Enum([...methods]), {
        default: [],
        description: 'The methods that are served; all when empty.',
      }),
    ),
  },
  strict,
);

export function readHttpTrigger(
  http: Static<typeof httpTriggerSchema> | undefined,
): FunctionSpec['http'] {
  return http && { auth: http.auth ?? 'key', methods: http.methods ?? [] };
}
