import { isName } from '../domain/ids.ts';
import { jsonObject } from './json-object.ts';

/** From a name that functions may ask for to the OCI runtime behind it, by its path. */
export type RuntimeClasses = Readonly<Record<string, string>>;

/** `{"name": "/path"}`; undefined when it is not that. */
export function parseRuntimeClasses(json: string): RuntimeClasses | undefined {
  return jsonObject<string>(
    json,
    ([name, path]) => isName(name) && typeof path === 'string' && path.startsWith('/'),
  );
}
