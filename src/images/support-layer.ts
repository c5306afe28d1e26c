import type { LayerEntries } from './layer-tar.ts';
import { nameServerFile } from './skeleton.ts';

/**
 * What an image of the user's own gets on top: real folders in all places where something is mounted,
 * whatever the image has there, the host's name server, and a first process that reaps.
 */
export function supportLayer(init: string): LayerEntries {
  return new Map([
    ['proc', { type: 'directory' }],
    ['dev', { type: 'directory' }],
    ['sys', { type: 'directory' }],
    ['tmp', { type: 'directory', mode: 0o1777 }],
    nameServerFile,
    ['.hearth/init', { type: 'copy', source: init }],
  ]);
}
