import { hostNamePattern, isFunctionHost } from '../domain/function-host.ts';

const hostName = new RegExp(hostNamePattern);

/** Patterns separated by commas. Adds to the problems what is wrong. */
export function readFunctionHosts(
  text: string,
  gatewayUrl: string,
  problems: string[],
): readonly string[] {
  const patterns = text
    .toLowerCase()
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  for (const pattern of patterns) {
    if (hostName.test(pattern.replace(/^\*\./, ''))) continue;
    problems.push(
      `HEARTH_FUNCTION_HOSTS: "${pattern}" is not a host name such as api.example.com or *.fn.example.com`,
    );
  }
  const own = URL.canParse(gatewayUrl) ? new URL(gatewayUrl).hostname : '';
  if (isFunctionHost(own, patterns)) {
    problems.push(
      `HEARTH_FUNCTION_HOSTS: ${own} is the gateway's own, by HEARTH_URL or HEARTH_LISTEN; functions need others`,
    );
  }
  return patterns;
}
