import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, test } from 'vitest';
import { operationSummaries } from '../../src/gateway/openapi/operation-summaries.ts';
import { RunningGateway } from '../support/running-gateway.ts';

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly security?: readonly object[];
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: object }>>;
  };
}

test('/openapi.json describes every route with its schemas and who may use it', async () => {
  await using running = await RunningGateway.start();
  const answer = await running.send('GET', '/openapi.json');
  expect(answer.status).toBe(200);
  const document = JSON.parse(answer.text) as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  };
  expect(await new Validator().validate(document)).toMatchObject({ valid: true });

  const operations = new Map(
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(
        ([method, one]) => [`${method.toUpperCase()} ${path}`, one] as const,
      ),
    ),
  );
  const named = Object.keys(operationSummaries);
  expect([...operations.keys()].toSorted()).toEqual([...named, 'GET /fn/{name}'].toSorted());
  for (const { summary } of operations.values()) expect(summary).not.toBe('');
  const ids = [...operations.values()].map(({ operationId }) => operationId);
  expect(new Set(ids).size).toBe(ids.length);

  expect(operations.get('GET /healthz')).toMatchObject({
    security: [],
    description: 'For anyone.',
  });
  expect(operations.get('GET /v1/functions/{name}/logs')).toMatchObject({
    description: 'Needs a key with the right "read".',
    security: [{ key: [] }, { basic: [] }],
    parameters: expect.arrayContaining([
      expect.objectContaining({ in: 'path', name: 'name' }),
      expect.objectContaining({ in: 'query', name: 'follow' }),
    ]) as unknown,
  });
  const traffic = operations.get('PUT /v1/functions/{name}/traffic');
  expect(traffic?.requestBody?.content['application/json']?.schema).toMatchObject({
    properties: { live: {}, split: {} },
    required: ['live'],
  });
});
