import { openHttp, openLambda, openNative } from '../support/channel-peers.ts';
import { describeSandboxChannel } from './sandbox-channel.ts';

describeSandboxChannel('native', openNative);
describeSandboxChannel('lambda', openLambda);
describeSandboxChannel('http', openHttp);
