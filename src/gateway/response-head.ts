import { upgradedStatus, type ResponseHead } from '../domain/invocation.ts';
import { hopByHop } from './hop-by-hop.ts';

/** A function's head, fit to be sent. Framing is left out: the gateway sets its own. */
export interface CheckedHead {
  readonly status: number;
  /** Name, value, name, value, as `writeHead` takes them. */
  readonly headers: readonly string[];
  /** As the function declared it; it tells something only in an answer to HEAD. */
  readonly declaredLength: string | undefined;
}

const tokenPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const valuePattern = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * What HTTP can carry of a head that a function, trusted in nothing, has made. A repeated header
 * stays repeated. A string says why it cannot be sent. `isUpgrade`: 101 was asked for.
 */
export function checkHead(
  { status, headers }: ResponseHead,
  isUpgrade = false,
): CheckedHead | string {
  const isUpgraded = isUpgrade && status === upgradedStatus;
  if (!isUpgraded && (!Number.isInteger(status) || status < 200 || status > 599)) {
    return `status ${String(status)} is not one from 200 to 599`;
  }
  const connection = headers.find(([name]) => name.toLowerCase() === 'connection')?.[1];
  const ends = hopByHop(connection);
  const protocol = headers.find(([name]) => name.toLowerCase() === 'upgrade')?.[1];
  const flat: string[] = isUpgraded ? ['connection', 'upgrade', 'upgrade', protocol ?? ''] : [];
  let declaredLength: string | undefined;
  for (const [name, value] of headers) {
    if (!tokenPattern.test(name)) return `${JSON.stringify(name.slice(0, 80))} is no header's name`;
    if (!valuePattern.test(value)) {
      return `header ${name} has a character that no header can have (a line break, say)`;
    }
    const lowerCase = name.toLowerCase();
    if (lowerCase === 'content-length') declaredLength = value;
    else if (!ends(lowerCase) && !lowerCase.startsWith('x-hearth-')) flat.push(name, value);
  }
  return { status, headers: flat, declaredLength };
}
