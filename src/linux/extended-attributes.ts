import { calls, check } from './libc.ts';

/** Follows no link. @throws LinuxError. */
export function setAttribute(path: string, name: string, value: Buffer): void {
  check(calls.lsetxattr(path, name, value, value.length, 0), 'lsetxattr', `${path}, ${name}`);
}
