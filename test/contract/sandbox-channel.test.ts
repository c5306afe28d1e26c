import { openHttp, openLambda, openNative } from '../support/channel-peers.ts';
import { describeSandboxChannel } from './sandbox-channel.ts';

describeSandboxChannel('native', openNative, { takesStreams: true });
describeSandboxChannel('lambda', openLambda, { takesStreams: false });
describeSandboxChannel('http', openHttp, { takesStreams: true });
