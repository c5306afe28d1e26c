import type { LayerEntries, LayerEntry } from './layer-tar.ts';

const text = (content: string): LayerEntry => ({
  type: 'file',
  content: Buffer.from(content),
  isExecutable: false,
});
const folder: LayerEntry = { type: 'directory' };

/**
 * What every base image has: the folders in which a sandbox has something mounted, and the few
 * files that C libraries look for.
 */
export const skeleton: LayerEntries = new Map([
  ['proc', folder],
  ['dev', folder],
  ['sys', folder],
  ['run', folder],
  ['tmp', { type: 'directory', mode: 0o1777 }],
  ['var/task', folder],
  ['opt', folder],
  [
    'etc/passwd',
    text('root:x:0:0:root:/:/bin/false\nfunction:x:1000:1000:function:/tmp:/bin/false\n'),
  ],
  ['etc/group', text('root:x:0:\nfunction:x:1000:\n')],
  ['etc/hosts', text('127.0.0.1 localhost\n::1 localhost\n')],
  ['etc/nsswitch.conf', text('hosts: files dns\n')],
]);
