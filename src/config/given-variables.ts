/** Those of the variables that were given, as they were: for a process of the same host. */
export function givenVariables<Name extends string>(
  environment: Readonly<Partial<Record<Name, string>>>,
  variables: Readonly<Record<Name, unknown>>,
): Readonly<Record<string, string>> {
  const names = Object.keys(variables) as Name[];
  return Object.fromEntries(
    names.flatMap((name) => {
      const text = environment[name] ?? '';
      return text === '' ? [] : [[name, text]];
    }),
  );
}
