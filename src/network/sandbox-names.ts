import type { Logger } from '../domain/logger.ts';
import type { NetworkNamespaces } from '../linux/index.ts';
import type { DenialLog } from './denial-log.ts';
import { NameServer } from './dns/name-server.ts';
import { nameServerAddress, serveNames } from './dns/name-sockets.ts';
import type { OnRefused, Zone } from './dns/zone.ts';

export interface SandboxNamesOptions {
  readonly namespaces: Pick<NetworkNamespaces, 'datagramsIn' | 'listenIn'>;
  readonly denials: Pick<DenialLog, 'note'>;
  readonly logger: Logger;
}

/** Gives sandboxes a name server each, inside their namespaces. */
export class SandboxNames {
  readonly #options: SandboxNamesOptions;

  constructor(options: SandboxNamesOptions) {
    this.#options = options;
  }

  /** Tells that this function was refused a name. */
  refusing(functionName: string): OnRefused {
    const { port } = nameServerAddress;
    return (target) => this.#options.denials.note({ functionName, target, protocol: 'dns', port });
  }

  /** Answers until disposed of; `isOpen`: while it is, the rest is refused. */
  async serve(
    namespace: string,
    functionName: string,
    zones: readonly Zone[],
    isOpen: () => boolean,
  ): Promise<AsyncDisposable> {
    const { namespaces, logger } = this.#options;
    const nameServer = new NameServer({
      zones,
      isOpen,
      onRefused: this.refusing(functionName),
      onFailed: (error) => logger.warn({ functionName, error }, 'A name could not be resolved.'),
    });
    const [datagrams, listener] = await Promise.all([
      namespaces.datagramsIn(namespace, nameServerAddress),
      namespaces.listenIn(namespace, nameServerAddress.port, nameServerAddress.host),
    ]);
    return await serveNames({ datagrams, listener }, (message) => nameServer.answer(message));
  }
}
