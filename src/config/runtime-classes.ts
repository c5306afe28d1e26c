import { isName } from '../domain/ids.ts';

/** From a name that functions may ask for to the OCI runtime behind it, by its path. */
export type RuntimeClasses = Readonly<Record<string, string>>;

/** `{"name": "/path"}`; undefined when it is not that. */
export function parseRuntimeClasses(json: string): RuntimeClasses | undefined {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return Object.entries(value).every(isClass) ? (value as RuntimeClasses) : undefined;
  } catch {
    return undefined;
  }
}

function isClass([name, path]: [string, unknown]): boolean {
  return isName(name) && typeof path === 'string' && path.startsWith('/');
}
