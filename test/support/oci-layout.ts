import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** An OCI layout with one image, made by umoci; each file becomes a layer. */
export function makeLayout(dir: string, files: Readonly<Record<string, string | Buffer>>): string {
  const layout = join(dir, 'layout');
  const umoci = (...args: readonly string[]) => execFileSync('umoci', args);
  umoci('init', '--layout', layout);
  umoci('new', '--image', `${layout}:image`);
  for (const [path, content] of Object.entries(files)) {
    const source = join(dir, 'inserted');
    writeFileSync(source, content);
    umoci('insert', '--image', `${layout}:image`, source, path);
  }
  umoci('gc', '--layout', layout);
  return `oci:${layout}:image`;
}

/** Of what `skopeo inspect --raw` prints, which is the manifest byte for byte. */
export async function manifestDigest(
  reference: string,
  ...options: readonly string[]
): Promise<string> {
  // Not synchronous: the registry that is asked may be in this process.
  const { stdout } = await promisify(execFile)('skopeo', [
    'inspect',
    '--raw',
    ...options,
    reference,
  ]);
  return `sha256:${createHash('sha256').update(stdout).digest('hex')}`;
}
