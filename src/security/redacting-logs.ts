import type { FunctionSpec } from '../domain/function.ts';
import type { LogEntry, LogStore } from '../domain/log.ts';
import type { SecretBinding, SecretSource } from '../domain/secret.ts';
import { redactionOf, type Redact } from './redaction.ts';

/** Functions remembered; the one that was bound longest ago goes first. */
const functionLimit = 10_000;

/** Values remembered of one function: those of its older sandboxes stay secret too. */
const valueLimit = 200;

interface Known {
  readonly values: ReadonlySet<string>;
  readonly redact: Redact;
}

/**
 * Stands between functions and the log store, knows what each was given, and takes it out of what
 * they print.
 */
export class RedactingLogs implements Pick<LogStore, 'append'>, SecretSource {
  readonly #source: SecretSource;
  readonly #logs: Pick<LogStore, 'append'>;
  readonly #known = new Map<string, Known>();

  constructor(source: SecretSource, logs: Pick<LogStore, 'append'>) {
    this.#source = source;
    this.#logs = logs;
  }

  bind(spec: Pick<FunctionSpec, 'name' | 'secrets'>): SecretBinding {
    const binding = this.#source.bind(spec);
    const given = Object.values(binding.values);
    if (given.length > 0) this.#remember(spec.name, given);
    return binding;
  }

  append(entry: LogEntry): void {
    const known = this.#known.get(entry.functionName);
    this.#logs.append(known ? { ...entry, text: known.redact(entry.text) } : entry);
  }

  #remember(functionName: string, given: readonly string[]): void {
    const known = this.#known.get(functionName);
    this.#known.delete(functionName);
    const all = [...new Set([...(known?.values ?? []), ...given])].slice(-valueLimit);
    this.#known.set(functionName, { values: new Set(all), redact: redactionOf(all) });
    const [oldest] = this.#known.keys();
    if (this.#known.size > functionLimit && oldest !== undefined) this.#known.delete(oldest);
  }
}
