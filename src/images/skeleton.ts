import { stat } from 'node:fs/promises';
import { fileTree } from './file-tree.ts';
import type { LayerEntries, LayerEntry } from './layer-tar.ts';

const text = (content: string): LayerEntry => ({
  type: 'file',
  content: Buffer.from(content),
  isExecutable: false,
});
const folder: LayerEntry = { type: 'directory' };

/** Where the host answers for the names that a function may reach, and nobody where there are none. */
export const nameServerFile: readonly [path: string, entry: LayerEntry] = [
  'etc/resolv.conf',
  text('nameserver 127.0.0.53\n'),
];

/** The folders in which a sandbox has something mounted, and what the host says in files. */
export const mountPoints: LayerEntries = new Map([
  ['proc', folder],
  ['dev', folder],
  ['sys', folder],
  ['run', folder],
  ['tmp', { type: 'directory', mode: 0o1777 }],
  ['var/task', folder],
  nameServerFile,
]);

/** What every base image has that is made here: those, and the few files that C libraries look for. */
const skeleton: LayerEntries = new Map([
  ...mountPoints,
  ['opt', folder],
  [
    'etc/passwd',
    text('root:x:0:0:root:/:/bin/false\nfunction:x:1000:1000:function:/tmp:/bin/false\n'),
  ],
  ['etc/group', text('root:x:0:\nfunction:x:1000:\n')],
  ['etc/hosts', text('127.0.0.1 localhost\n::1 localhost\n')],
  ['etc/nsswitch.conf', text('hosts: files dns\n')],
]);

const certificates = '/etc/ssl/certs/ca-certificates.crt';
const timeZones = '/usr/share/zoneinfo';

/** The layer below that of the language: the skeleton, PID 1, certificates and time zones. */
export async function commonFiles(init: string): Promise<LayerEntries> {
  const entries = new Map(skeleton);
  entries.set('usr/bin/hearth-init', { type: 'copy', source: init });
  if (await isThere(certificates)) {
    entries.set(certificates.slice(1), { type: 'copy', source: certificates });
  }
  if (await isThere(timeZones)) {
    const without = ['posix', 'right']; // the same once more, and with leap seconds
    const zones = await fileTree(timeZones, timeZones.slice(1), { without });
    for (const [path, entry] of zones) entries.set(path, entry);
  }
  return entries;
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
