import type { NetworkDirectory } from '../../src/domain/private-network.ts';

/** For whoever tests something else. */
export const noNetworks: NetworkDirectory = {
  endpoint: () => undefined,
  hasFunction: () => false,
  onChange: () => {},
};
