import type { IncomingMessage } from 'node:http';
import { isFunctionHost } from '../domain/function-host.ts';
import { liveVersion, type FunctionStore } from '../domain/function.ts';
import type { InvocationRoute } from './invocation-route.ts';

export interface FunctionHostsOptions {
  readonly functions: Pick<FunctionStore, 'list' | 'onChange'>;
  /** Those that the operator gives functions. */
  readonly functionHosts: readonly string[];
}

/**
 * HTTP triggers by the `Host` of the request. By a host that is for functions nothing else is
 * reachable, whatever the path: no management, no other trigger.
 */
export class FunctionHosts {
  readonly #options: FunctionHostsOptions;
  /** Functions by their hosts; undefined: to be made anew. */
  #index: ReadonlyMap<string, string> | undefined;

  constructor(options: FunctionHostsOptions) {
    this.#options = options;
    options.functions.onChange(() => (this.#index = undefined));
  }

  /** Undefined: the host is not for functions. */
  route({ headers, url = '' }: IncomingMessage): InvocationRoute | undefined {
    const { functionHosts } = this.#options;
    if (functionHosts.length === 0) return undefined;
    const host = (headers.host ?? '').toLowerCase().replace(/\.?(:\d*)?$/, '');
    if (!isFunctionHost(host, functionHosts)) return undefined;
    const target = url.replace(/^https?:\/\/[^/?#]*/i, ''); // RFC 9112, section 3.2.2
    return {
      trigger: 'http',
      functionName: this.#functions().get(host) ?? `//${host}`, // what none is named
      url: target.startsWith('/') ? target : `/${target}`,
    };
  }

  #functions(): ReadonlyMap<string, string> {
    this.#index ??= new Map(
      this.#options.functions
        .list()
        // Two deploys at the same moment may both have got a host: all gateways choose the same one.
        .toSorted((a, b) => (a.name < b.name ? 1 : -1))
        .flatMap((record) =>
          (liveVersion(record).spec.http?.hosts ?? []).map((host) => [host, record.name] as const),
        ),
    );
    return this.#index;
  }
}
