import { stat } from 'node:fs/promises';
import { HostError } from '../domain/errors.ts';
import { exec } from '../lib/exec.ts';

/**
 * The shared libraries that programs and libraries load, and their loader; none for a static
 * program. @throws HostError `unavailable` for a file that is not there.
 */
export async function sharedLibraries(binaries: readonly string[]): Promise<readonly string[]> {
  for (const binary of binaries) await checkIsThere(binary);
  try {
    const { stdout } = await exec('ldd', binaries);
    return [...new Set([...stdout.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? ''))];
  } catch (error) {
    if (String(error).includes('not a dynamic executable')) return [];
    throw error;
  }
}

async function checkIsThere(program: string): Promise<void> {
  await stat(program).catch((cause: unknown) => {
    throw new HostError(
      'unavailable',
      'image.no_program',
      `The base image needs ${program}, which is not on this machine. "npm start" installs what is missing.`,
      { cause },
    );
  });
}
