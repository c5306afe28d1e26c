import { fileURLToPath } from 'node:url';
import type { BaseImageOptions } from './recipe.ts';

const nodeModules = fileURLToPath(new URL('../../node_modules', import.meta.url));
const bunArch: Partial<Record<NodeJS.Architecture, string>> = { arm64: 'aarch64' };

/**
 * Where the programs of base images lie: Node and Bun as npm packages that bring the binary itself,
 * Python as the system's, as its standard library belongs to it.
 */
export function machinePrograms(arch: NodeJS.Architecture): BaseImageOptions['programs'] {
  return {
    node22: `${nodeModules}/node-linux-${arch}-22/bin/node`,
    node24: process.execPath,
    node26: `${nodeModules}/node-linux-${arch}-26/bin/node`,
    bun1: `${nodeModules}/@oven/bun-linux-${bunArch[arch] ?? arch}/bin/bun`,
    python3: '/usr/bin/python3',
    init: '/usr/bin/tini-static',
  };
}
