import { Type, type Static } from 'typebox';
import type { FunctionSpec, ImageSpec } from '../../domain/function.ts';
import type { Problems } from './problems.ts';

/** Of functions whose `runtime` is `image`. */
export const imageKeys = {
  image: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 500,
      description: 'The image to run: its name, its digest, or an archive file beside this file.',
    }),
  ),
  channel: Type.Optional(
    Type.Enum(['lambda', 'http'], {
      description:
        'How the image takes invocations: as a client of the Runtime API of AWS Lambda, or on $PORT.',
    }),
  ),
};

const schema = Type.Object(imageKeys);

export function readImage(
  { image, channel }: Static<typeof schema>,
  runtime: FunctionSpec['runtime'],
  problems: Problems,
): ImageSpec | undefined {
  if (runtime === 'image') {
    if (image === undefined) problems.add('image: is missing; it names the image to run');
    return { reference: image ?? '', channel: channel ?? 'auto' };
  }
  if (image !== undefined) problems.add('image: needs "runtime": "image"');
  if (channel !== undefined) problems.add('channel: needs "runtime": "image"');
  return undefined;
}
