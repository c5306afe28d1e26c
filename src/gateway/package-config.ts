import { HostError } from '../domain/errors.ts';
import { readTar } from '../lib/tar-entries.ts';

/** A `hearth.json` is a page of text; one beyond this is a mistake or an attack. */
const configLimitBytes = 64 * 1024;

/**
 * The text of `hearth.json` at the root of a package (an uncompressed tar).
 * @throws HostError `invalid` when it has none or is not a tar; `too_large`.
 */
export async function readPackageConfig(packageTar: Buffer): Promise<string> {
  const { sink, entries } = readTar();
  sink.end(packageTar);
  try {
    for await (const entry of entries) {
      const { name, type, size } = entry.header;
      if (type !== 'file' || name.replace(/^\.\//, '') !== 'hearth.json') {
        entry.resume();
        continue;
      }
      if (size > configLimitBytes) throw configTooLarge(size);
      const chunks: Buffer[] = [];
      for await (const chunk of entry) chunks.push(chunk);
      return Buffer.concat(chunks).toString();
    }
  } catch (cause) {
    if (cause instanceof HostError) throw cause;
    throw new HostError('invalid', 'package.not_a_tar', 'The package is not a valid tar archive.', {
      cause,
    });
  }
  throw new HostError(
    'invalid',
    'package.no_config',
    'The package has no hearth.json at its root.',
  );
}

const configTooLarge = (size: number): HostError =>
  new HostError(
    'too_large',
    'package.config_too_large',
    `hearth.json has ${size} bytes; at most ${configLimitBytes} are allowed.`,
  );
