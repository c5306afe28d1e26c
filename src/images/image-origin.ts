import { HostError } from '../domain/errors.ts';
import type { Runtime } from '../domain/function.ts';
import type { Digest } from '../domain/ids.ts';
import { parseImageReference } from '../domain/image-reference.ts';
import type { RegistryClientOptions } from './client/registry-client.ts';
import type { RemoteReference } from './client/remote-reference.ts';

/** A registry that has all versions and base images of an installation. */
export interface ImageOrigin {
  version(digest: Digest): RemoteReference;
  base(runtime: Runtime): RemoteReference;
}

/** A gateway, and the key that a node has for it: it may pull `hearth/*`. */
export interface GatewayOrigin {
  readonly url: string;
  readonly key: string;
}

/** The installation's gateway: `/v2/hearth/…`. */
export function gatewayOrigin({ url }: GatewayOrigin): ImageOrigin {
  const registry = new URL(url).host;
  const at = { registry, tag: undefined, digest: undefined };
  return {
    version: (digest) => ({ ...at, repository: 'hearth/versions', digest }),
    base: (runtime) => ({ ...at, repository: `hearth/${runtime}`, tag: 'latest' }),
  };
}

/** A node's key goes to its gateway only, over TLS where the gateway has it. */
export function withGateway(
  { credentials, plainHosts }: RegistryClientOptions,
  { url, key }: GatewayOrigin,
): RegistryClientOptions {
  const { host, protocol } = new URL(url);
  const colon = key.indexOf(':');
  const own = { user: key.slice(0, colon), secret: key.slice(colon + 1) };
  return {
    credentials: async (registry) => (registry === host ? own : await credentials(registry)),
    plainHosts: protocol === 'http:' ? [...plainHosts, host] : plainHosts,
  };
}

/**
 * One repository of another registry, `registry.example.com/team/functions`, with a tag for each version.
 * One only: many registries want each to be made by hand.
 */
export function registryOrigin(name: string): ImageOrigin {
  const { registry, repository } = parseImageReference(name);
  if (registry === undefined) {
    throw new HostError('invalid', 'image.no_origin', `"${name}" names no registry.`);
  }
  const at = { registry, repository, tag: undefined, digest: undefined };
  return {
    version: (digest) => ({ ...at, digest }),
    base: (runtime) => ({ ...at, tag: `base-${runtime}` }),
  };
}
