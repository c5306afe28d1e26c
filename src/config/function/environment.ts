import { Type } from 'typebox';
import type { FunctionSpec } from '../../domain/function.ts';
import { envLimitBytes } from '../../domain/limits.ts';
import type { Problems } from './problems.ts';
import { strict } from './strict.ts';

export const environmentSchema = Type.Record(
  Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }),
  Type.String(),
  { ...strict, default: {}, description: 'Environment variables, 4 KiB in all.' },
);

export function readEnvironment(env: FunctionSpec['env'], problems: Problems): FunctionSpec['env'] {
  const bytes = Object.entries(env).reduce(
    (sum, [name, text]) => sum + Buffer.byteLength(name) + Buffer.byteLength(text),
    0,
  );
  if (bytes > envLimitBytes) problems.add(`env: ${bytes} bytes; at most ${envLimitBytes} in all`);
  return env;
}
