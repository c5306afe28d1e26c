import { randomBytes } from 'node:crypto';
import { link, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { HostError } from '../domain/errors.ts';

/**
 * The text of a file that only its owner can read; made with what `make` gives when there is none.
 * Processes that start at once agree on one.
 * @throws HostError `invalid` when others may read it too.
 */
export async function ensureSecretFile(file: string, make: () => string): Promise<string> {
  const whole = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    await writeFile(whole, `${make()}\n`, { flag: 'wx', mode: 0o600, flush: true });
    await link(whole, file); // fails when there is one; never shows a half-written file
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(whole, { force: true });
  }
  await requireOwnerOnly(file);
  return (await readFile(file, 'utf8')).trim();
}

async function requireOwnerOnly(file: string): Promise<void> {
  const { mode } = await stat(file);
  if ((mode & 0o077) === 0) return;
  throw new HostError(
    'invalid',
    'security.readable_by_others',
    `${file} can be read by others than its owner: run "chmod 600 ${file}".`,
  );
}
