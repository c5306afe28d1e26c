import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HostError } from '../domain/errors.ts';
import { exec } from '../lib/exec.ts';
import { folderFiles } from './folder-files.ts';

/** Where the bootstrap looks for modules after the function's own folder. */
const packagesFolder = '_packages';
const requirementsFile = 'requirements.txt';

/** The system's, as its version is that of the base image. */
const python = '/usr/bin/python3';
const installLimitMs = 10 * 60_000;

/**
 * What `requirements.txt` names, installed by pip into a folder of its own. pip has the caller's
 * environment, which tells it of package indexes and proxies.
 * @throws HostError `invalid` with pip's own last words, or how to get pip.
 */
export async function vendoredPackages(
  dir: string,
  own: ReadonlyMap<string, Uint8Array>,
  environment: NodeJS.ProcessEnv,
): Promise<Map<string, Uint8Array>> {
  if (!own.has(requirementsFile)) return new Map();
  await checkPip();
  const target = await mkdtemp(join(tmpdir(), 'hearth-packages-'));
  try {
    const options = { cwd: dir, timeoutMs: installLimitMs, env: environment };
    await exec(python, ['-m', 'pip', ...pipArgs(target)], options);
    const files = await folderFiles(target);
    return new Map([...files].map(([path, content]) => [`${packagesFolder}/${path}`, content]));
  } catch (cause) {
    if (cause instanceof HostError && cause.code !== 'internal') throw cause;
    throw new HostError(
      'invalid',
      'cli.pip_failed',
      `pip could not install what ${requirementsFile} names: ${(cause as Error).message}`,
      { cause },
    );
  } finally {
    await rm(target, { recursive: true, force: true });
  }
}

const pipArgs = (target: string): readonly string[] => [
  'install',
  '--quiet',
  '--no-input',
  '--no-compile',
  '--disable-pip-version-check',
  `--target=${target}`,
  `--requirement=${requirementsFile}`,
];

async function checkPip(): Promise<void> {
  await exec(python, ['-m', 'pip', '--version']).catch((cause: unknown) => {
    throw new HostError(
      'invalid',
      'cli.no_pip',
      `${requirementsFile} needs pip: run "apt-get install python3-pip", or leave the file out and put the packages into the function's folder.`,
      { cause },
    );
  });
}
