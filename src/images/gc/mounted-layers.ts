import { readdir, readFile, readlink } from 'node:fs/promises';
import type { Digest } from '../../domain/ids.ts';
import { isDigest } from '../../domain/ids.ts';

/**
 * The unpacked layers below a folder that are part of a mount of any process of this machine: the
 * kernel itself says what running sandboxes need, whoever started them and whoever has died since.
 */
export async function mountedLayers(layersDir: string): Promise<ReadonlySet<Digest>> {
  const seen = new Set<string>();
  const layers = new Set<Digest>();
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    try {
      const namespace = await readlink(`/proc/${pid}/ns/mnt`);
      if (seen.has(namespace)) continue;
      const mounts = await readFile(`/proc/${pid}/mountinfo`, 'utf8');
      seen.add(namespace);
      for (const layer of layersIn(mounts, layersDir)) layers.add(layer);
    } catch {
      // It has ended meanwhile: what it had mounted is another's too, or nobody's.
    }
  }
  return layers;
}

/** Exported for its test: a mount's options name its layers. */
export function layersIn(mountInfo: string, layersDir: string): readonly Digest[] {
  return plain(mountInfo)
    .split(`${plain(layersDir)}/`)
    .slice(1)
    .map((rest) => `sha256:${rest.slice(0, 64)}`)
    .filter(isDigest);
}

/** Without the escapes of the kernel, `\040` for a space, and of overlayfs, `\:` for a colon. */
function plain(text: string): string {
  return text
    .replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)))
    .replaceAll('\\', '');
}
