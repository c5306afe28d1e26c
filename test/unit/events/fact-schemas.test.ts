import type { Static } from 'typebox';
import { Value } from 'typebox/value';
import { expect, test } from 'vitest';
import { factTexts, factTypes } from '../../../src/domain/fact-texts.ts';
import type { Facts, FactType } from '../../../src/domain/facts.ts';
import { factSchemas } from '../../../src/events/fact-schemas.ts';

type Schemas = typeof factSchemas;
type Unlike = {
  [T in FactType]: [Static<Schemas[T]>, Facts[T]] extends [Facts[T], Static<Schemas[T]>]
    ? never
    : T;
}[FactType];

test('each schema is that of its fact', () => {
  const isLike: [Unlike] extends [never] ? true : Unlike = true; // does not compile otherwise
  expect(isLike).toBe(true);
  expect(Object.keys(factSchemas).toSorted()).toEqual([...factTypes].toSorted());
});

test('a schema refuses what is not its fact', () => {
  const schema = factSchemas['sandbox.destroyed'];
  const fact = { sandboxId: 's', functionName: 'f', reason: 'idle', invocations: 3 };
  expect(Value.Check(schema, fact)).toBe(true);
  expect(Value.Check(schema, { ...fact, reason: 'bored' })).toBe(false);
  expect(Value.Check(schema, { ...fact, functionName: undefined })).toBe(false);
});

interface Shape {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Shape>>;
}

/** `name`, `name?` where it may be left out, `name: a, b` for one of these. */
function fieldsOf({ properties = {}, required = [] }: Shape): string {
  const fields = Object.entries(properties).map(([name, shape]) => {
    const shown = `\`${name}${required.includes(name) ? '' : '?'}\``;
    if (shape.properties) return `${shown} (${fieldsOf(shape)})`;
    return shape.enum ? `${shown}: ${shape.enum.join(', ')}` : shown;
  });
  return fields.join('; ');
}

test('the table of all facts is up to date', async () => {
  const rows = factTypes.map(
    (type) => `## ${type}\n\n${factTexts[type]}\n\n${fieldsOf(factSchemas[type] as Shape)}\n`,
  );
  const head =
    '# Facts\n\nThe `data` of each; times in milliseconds. Made of the schemas: `npx vitest run -u --project unit test/unit/events`.\n';
  await expect([head, ...rows].join('\n')).toMatchFileSnapshot('../../../src/events/FACTS.md');
});
