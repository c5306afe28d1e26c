import { HostError } from '../../domain/errors.ts';
import { paxRecords } from '../../lib/pax-records.ts';
import { setAttribute } from '../../linux/extended-attributes.ts';
import { LinuxError } from '../../linux/libc.ts';
import { unsafe } from '../tar-path.ts';

/** What GNU tar, bsdtar and Go put before an attribute's name. */
const recordPrefix = 'SCHILY.xattr.';
const userPrefix = 'user.';
/** Where marks of overlayfs lie for those who are not root (`userxattr`), as a gateway may be. */
const overlayPrefix = 'user.overlay.';

/** Of one file or folder; the bytes are those of names and values, and what XFS takes for a value. */
export const attributeLimits = { count: 256, bytes: 64 * 1024 };
const nameLimitBytes = 255; // XATTR_NAME_MAX

/** Bytes by name. */
type Attributes = ReadonlyMap<string, Buffer>;

/**
 * The extended attributes that an entry of a layer may bring: those of users, which Linux only keeps.
 *
 * Left out without a word, as other tools write them unasked and images run without them:
 * - `security.*`: rights, such as file capabilities, which no sandbox could gain anyway;
 * - `system.*`: access lists, of users that do not exist here;
 * - `trusted.*` and `user.overlay.*`: by them a layer would tell overlayfs to hide, redirect or
 *   replace what lies below, past all checks of paths and whiteouts.
 * @throws HostError `invalid` past a limit, and for names that no file system could have.
 */
export function userAttributes(paxHeader: Buffer | undefined, path: string): Attributes {
  const attributes = new Map<string, Buffer>();
  for (const [key, value] of paxRecords(paxHeader ?? Buffer.alloc(0))) {
    const name = key.startsWith(recordPrefix) ? key.slice(recordPrefix.length) : '';
    if (name.startsWith(userPrefix) && !name.startsWith(overlayPrefix)) attributes.set(name, value);
  }
  checkAttributes(attributes, path);
  return attributes;
}

function checkAttributes(attributes: Attributes, path: string): void {
  let bytes = 0;
  for (const [name, value] of attributes) {
    const nameBytes = Buffer.byteLength(name);
    const isName = name !== userPrefix && !name.includes('\0') && nameBytes <= nameLimitBytes;
    if (!isName) throw unsafe(path, 'an extended attribute has a name that none can have');
    bytes += nameBytes + value.length;
  }
  const { count, bytes: limitBytes } = attributeLimits;
  if (attributes.size > count) throw unsafe(path, `it has over ${count} extended attributes`);
  if (bytes > limitBytes)
    throw unsafe(path, `its extended attributes have over ${limitBytes} bytes`);
}

/** @throws HostError `unavailable` when the file system cannot keep them: none is lost silently. */
export function setUserAttributes(path: string, attributes: Attributes): void {
  try {
    for (const [name, value] of attributes) setAttribute(path, name, value);
  } catch (cause) {
    if (!(cause instanceof LinuxError)) throw cause;
    throw new HostError(
      'unavailable',
      'image.attributes_not_kept',
      `The disk cannot keep the extended attributes of "${path}" (${cause.code}): it is full, or its ` +
        'file system takes none or only smaller ones (ext4: 4 KiB a file). Let HEARTH_DATA lie ' +
        'on XFS, or make the image without them.',
      { cause },
    );
  }
}
