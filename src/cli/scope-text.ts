import { InvalidArgumentError } from 'commander';
import { actions, everything, type Scope } from '../domain/principal.ts';

/** `invoke`, `deploy:shop-*`, `registry:push:shop-*`: a right, and the names it holds for. */
export function parseScope(text: string): Scope {
  const action = actions.find((known) => text === known || text.startsWith(`${known}:`));
  if (!action) {
    throw new InvalidArgumentError(
      `Write one of ${actions.join(', ')}, and after a colon the names it holds for.`,
    );
  }
  return { action, pattern: text.slice(action.length + 1) || everything };
}

export const scopeText = ({ action, pattern }: Scope): string =>
  pattern === everything ? action : `${action}:${pattern}`;
