/** A JSON object whose members are all as they should be; undefined for any other text. */
export function jsonObject<Value>(
  json: string,
  isMember: (entry: readonly [name: string, value: unknown]) => boolean,
): Readonly<Record<string, Value>> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const isRight = Object.entries(value).every(isMember);
    return isRight ? (value as Readonly<Record<string, Value>>) : undefined;
  } catch {
    return undefined;
  }
}
