/** A shorter value would be found in too much that is none. */
const shortestRedacted = 6;

const mark = '[secret]';

/** A text without the values, in whatever way a log is likely to show them. */
export type Redact = (text: string) => string;

export function redactionOf(values: Iterable<string>): Redact {
  const shown = new Set<string>();
  for (const value of values) {
    for (const line of value.split('\n')) {
      for (const form of [line, JSON.stringify(line).slice(1, -1), encodeURIComponent(line)]) {
        if (form.trim().length >= shortestRedacted) shown.add(form.trim());
      }
    }
  }
  // The longest first: what is part of another must not leave the rest of it behind.
  const forms = [...shown].toSorted((a, b) => b.length - a.length);
  return (text) => forms.reduce((rest, form) => rest.replaceAll(form, mark), text);
}
