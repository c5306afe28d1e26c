import { HostError } from '../domain/errors.ts';
import { isFunctionHost } from '../domain/function-host.ts';
import { functionsWhoseLive, type FunctionSpec, type FunctionStore } from '../domain/function.ts';

/**
 * @throws HostError `invalid` for a host that the operator does not give functions, `conflict` for
 * one that another function has.
 */
export function requireHosts(
  { name, http }: Pick<FunctionSpec, 'name' | 'http'>,
  patterns: readonly string[],
  functions: Pick<FunctionStore, 'list'>,
): void {
  for (const host of http?.hosts ?? []) {
    if (!isFunctionHost(host, patterns)) {
      throw new HostError(
        'invalid',
        'functions.host_not_allowed',
        `triggers.http.hosts: "${host}" is none of the hosts that functions may have here. An operator lists them in HEARTH_FUNCTION_HOSTS.`,
      );
    }
    const owner = functionsWhoseLive(functions, (spec) =>
      Boolean(spec.name !== name && spec.http?.hosts?.includes(host)),
    )[0];
    if (owner === undefined) continue;
    throw new HostError(
      'conflict',
      'functions.host_taken',
      `triggers.http.hosts: "${host}" is the function "${owner}"'s. Take it from there first.`,
    );
  }
}
