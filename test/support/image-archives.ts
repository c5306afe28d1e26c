import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface ImageRecipe {
  /** As skopeo names it. */
  readonly from: string;
  /** Path in the image → file of this machine. */
  readonly files: Readonly<Record<string, string>>;
  /** Options of `umoci config`, without their dashes. */
  readonly config: readonly string[];
  readonly format: 'oci-archive' | 'docker-archive';
}

/** An image made with stock tools, as one file in `dir`. */
export function makeImageArchive(dir: string, name: string, recipe: ImageRecipe): string {
  const image = `${join(dir, `${name}-layout`)}:latest`;
  const archive = join(dir, `${name}.tar`);
  run('skopeo', 'copy', '--quiet', recipe.from, `oci:${image}`);
  const root = join(dir, `${name}-root`);
  for (const [path, file] of Object.entries(recipe.files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    copyFileSync(file, join(root, path));
  }
  const layer = join(dir, `${name}-layer.tar`);
  run('tar', '--create', `--file=${layer}`, `--directory=${root}`, '.');
  run('umoci', 'raw', 'add-layer', '--image', image, layer);
  const options = recipe.config.map((option) => `--${option}`);
  run('umoci', 'config', '--image', image, '--clear', 'config.entrypoint', ...options);
  const reference = recipe.format === 'docker-archive' ? `${archive}:${name}:latest` : archive;
  run('skopeo', 'copy', '--quiet', `oci:${image}`, `${recipe.format}:${reference}`);
  return archive;
}

function run(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
}
