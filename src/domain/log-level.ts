export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** What loggers of several languages call them. */
const names: Readonly<Record<string, LogLevel>> = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  notice: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  fatal: 'fatal',
  critical: 'fatal',
};

/** As pino and bunyan number them. */
const numbers: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

/** The level of a line that is a JSON object and has one; else undefined. */
export function logLevel(text: string): LogLevel | undefined {
  if (!text.startsWith('{') || !text.includes('"level"')) return undefined;
  try {
    const { level } = JSON.parse(text) as { readonly level?: unknown };
    if (typeof level === 'number') return numbers[level / 10 - 1];
    if (typeof level !== 'string') return undefined;
    const name = level.toLowerCase();
    return Object.hasOwn(names, name) ? names[name] : undefined;
  } catch {
    return undefined;
  }
}
