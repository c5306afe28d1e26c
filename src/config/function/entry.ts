import type { FunctionSpec } from '../../domain/function.ts';
import type { Problems } from './problems.ts';

/** The module to load, as a plain path relative to the folder; '' where an image has its program. */
export function readEntry(
  entry: string | undefined,
  runtime: FunctionSpec['runtime'],
  problems: Problems,
): string {
  if (runtime === 'image') {
    if (entry !== undefined) problems.add('entry: an image has its own; leave it out');
    return '';
  }
  if (entry === undefined) {
    problems.add('entry: is missing');
    return '';
  }
  const isInside =
    !entry.startsWith('/') && !entry.split('/').includes('..') && !entry.includes('\0');
  if (!isInside) problems.add('entry: must be a path inside the folder');
  const isPython = entry.endsWith('.py');
  if (isPython && runtime !== 'python3') {
    problems.add(`entry: ${entry} is a Python module; set "runtime" to "python3"`);
  }
  if (!isPython && runtime === 'python3') {
    problems.add('entry: for python3 it must be a Python module, such as "main.py"');
  }
  return entry.replace(/^\.\//, '');
}
