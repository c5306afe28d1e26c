import type { ChannelKind } from '../../domain/sandbox-channel.ts';
import { Channel } from './channel.ts';

/** Our own bootstraps: the socket pair is all they need. */
export const nativeChannel: ChannelKind = {
  name: 'native',
  prepare: async () => ({
    open: (socket, events) => new Channel(socket, events),
    [Symbol.asyncDispose]: async () => {},
  }),
};
