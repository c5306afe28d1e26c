import { everyFunction, internalName } from '../../domain/function-caller.ts';
import { fits } from '../../domain/principal.ts';
import { atCallsDoor, notThere, type OnRefused, type Zone } from './zone.ts';

/** `<name>.fn.internal`: functions that this one may call, all behind one door. */
export function callsZone(calls: readonly string[], onRefused: OnRefused): Zone {
  return {
    resolve: (name, family) => {
      if (!name.endsWith(`.${everyFunction}.internal`)) return undefined;
      const called = internalName(name)?.name;
      if (called !== undefined && calls.some((pattern) => fits(pattern, called))) {
        return Promise.resolve(atCallsDoor(family));
      }
      onRefused(name, 'name');
      return Promise.resolve(notThere);
    },
  };
}
