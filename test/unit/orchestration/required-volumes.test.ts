import { expect, it } from 'vitest';
import { requireVolumes } from '../../../src/orchestration/required-volumes.ts';
import { specOf } from '../../support/function-records.ts';

const exists = (name: string) => name === 'data';
const mount = (name: string) => ({
  name,
  mount: `/${name}`,
  readOnly: false,
  access: 'shared' as const,
});

it('takes functions whose volumes are there', () => {
  requireVolumes(specOf('plain'), exists);
  requireVolumes(specOf('writer', { volumes: [mount('data')] }), exists);
});

it('refuses a function whose volumes nobody has made, and names what makes them', () => {
  const spec = specOf('writer', { volumes: [mount('data'), mount('cache'), mount('logs')] });
  expect(() => requireVolumes(spec, exists)).toThrow(
    'There is no volume "cache": make it with "hearth volume create cache --size 1Gi". ' +
      'There is no volume "logs": make it with "hearth volume create logs --size 1Gi".',
  );
});
