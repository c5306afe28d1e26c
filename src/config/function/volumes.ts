import { Type, type Static } from 'typebox';
import type { FunctionSpec } from '../../domain/function.ts';
import { isName } from '../../domain/ids.ts';
import { mountPathProblems } from '../../domain/mount-paths.ts';
import { volumeAccesses } from '../../domain/volume.ts';
import type { Problems } from './problems.ts';
import { strict } from './strict.ts';

export const volumesSchema = Type.Array(
  Type.Object(
    {
      name: Type.String({ description: 'Of a volume made with `hearth volume create`.' }),
      mount: Type.String({ description: 'Where the function sees it: an absolute path.' }),
      readOnly: Type.Optional(Type.Boolean({ default: false })),
      access: Type.Optional(
        Type.Enum([...volumeAccesses], {
          default: 'shared',
          description: '`single`: no two sandboxes, of whatever function, write at once.',
        }),
      ),
    },
    strict,
  ),
  { maxItems: 16, default: [], description: 'Volumes whose data outlives sandboxes and versions.' },
);

export function readVolumes(
  config: Static<typeof volumesSchema>,
  problems: Problems,
): FunctionSpec['volumes'] {
  for (const { name } of config) {
    if (!isName(name)) problems.add(`volumes: "${name}" is not a name`);
  }
  if (new Set(config.map(({ name }) => name)).size < config.length) {
    problems.add('volumes: a volume is there twice');
  }
  for (const problem of mountPathProblems(config.map(({ mount }) => mount))) {
    problems.add(`volumes: ${problem}`);
  }
  return config.map(({ name, mount, readOnly = false, access = 'shared' }) => ({
    name,
    mount,
    readOnly,
    access,
  }));
}

/** The only writer of a volume is one sandbox: a second would wait for the first for ever. */
export function isSingleWriter(volumes: FunctionSpec['volumes']): boolean {
  return volumes.some(({ access, readOnly }) => access === 'single' && !readOnly);
}
