import { createReadStream, fstatSync, writeSync } from 'node:fs';
import { toHostError } from '../../domain/errors.ts';
import type { Digest } from '../../domain/ids.ts';
import { enterFolder } from '../../linux/jail.ts';
import type { UnpackOutcome } from './unpack-jail.ts';
import { unpackLayer } from './layer-unpacker.ts';

// The program of the jail (see unpack-jail.ts): the layer comes on stdin, the outcome goes to stdout.
// Everything that it needs is loaded by now: from here on there is nothing but the layer's folder.
const [dir = '', mediaType = '', diffId = ''] = process.argv.slice(2);
enterFolder(dir);

let outcome: UnpackOutcome;
try {
  const content = createReadStream('', { fd: 0, highWaterMark: 256 * 1024 });
  const { size: sizeBytes } = fstatSync(0);
  const source = { content, sizeBytes, mediaType, diffId: diffId as Digest };
  outcome = { marks: await unpackLayer(source, '/') };
} catch (thrown) {
  const { code, reason, message, cause } = toHostError(thrown);
  const why = cause instanceof Error ? cause.message : '';
  outcome = { error: { code, reason, message, cause: why } };
}
const text = Buffer.from(JSON.stringify(outcome));
for (let at = 0; at < text.length;) at += writeSync(1, text, at);
