import { Type } from 'typebox';
import { strict } from './strict.ts';

export const placementSchema = Type.Object(
  {
    labels: Type.Optional(
      Type.Record(Type.String(), Type.String(), {
        default: {},
        description: 'Labels that a node must have to run it, as in HEARTH_NODE_LABELS.',
      }),
    ),
  },
  strict,
);
