const levelMarks: Readonly<Record<string, string>> = {
  debug: 'debug',
  info: 'info ',
  warn: 'WARN ',
  error: 'ERROR',
};

/** A JSON line of the host log as a line for a person: time, level, message, then the facts. */
export function plainLine(jsonLine: string): string {
  const { time, level, message, error, ...fields } = JSON.parse(jsonLine) as Record<
    string,
    unknown
  >;
  const clock = String(time).slice(11, 23);
  const facts = Object.entries(fields).map(([name, value]) => ` ${name}=${plainValue(value)}`);
  const cause = error === undefined ? '' : `\n${plainError(error)}`;
  return `${clock} ${levelMarks[String(level)] ?? String(level)} ${String(message)}${facts.join('')}${cause}\n`;
}

function plainValue(value: unknown): string {
  const simple = typeof value === 'string' && /^[\w.:/@-]+$/.test(value);
  return simple ? value : JSON.stringify(value);
}

function plainError(error: unknown): string {
  if (typeof error !== 'object' || error === null) return `  ${JSON.stringify(error)}`;
  const { name, message, stack, cause } = error as Record<string, unknown>;
  const own = typeof stack === 'string' ? stack : `${String(name)}: ${String(message)}`;
  const indented = own.replaceAll(/^/gm, '  ');
  return cause === undefined ? indented : `${indented}\n  caused by\n${plainError(cause)}`;
}
