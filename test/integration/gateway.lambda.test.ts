import {
  CreateAliasCommand,
  DeleteAliasCommand,
  DeleteFunctionCommand,
  GetAliasCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  InvokeWithResponseStreamCommand,
  LambdaClient,
  ListAliasesCommand,
  UpdateAliasCommand,
  ListFunctionsCommand,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  type InvokeCommandInput,
} from '@aws-sdk/client-lambda';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HostError } from '../../src/domain/errors.ts';
import { digestOf, specOf } from '../support/function-records.ts';
import { RunningGateway } from '../support/running-gateway.ts';

let running: RunningGateway;
let client: LambdaClient;
const arn = 'arn:aws:lambda:eu-central-1:123456789012:function:mail';

beforeEach(async () => {
  running = await RunningGateway.start();
  await running.addFunction('mail', { timeoutMs: 3_000 });
  client = clientWith('root', 'secret');
});
afterEach(async () => {
  client.destroy();
  await running[Symbol.asyncDispose]();
});

const clientWith = (accessKeyId: string, secretAccessKey: string): LambdaClient =>
  new LambdaClient({
    endpoint: running.gateway.address,
    region: 'eu-central-1',
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
  });

const invoke = (input: Partial<InvokeCommandInput> = {}) =>
  client.send(new InvokeCommand({ FunctionName: 'mail', ...input }));

describe('an AWS SDK whose endpoint is this host', () => {
  test.each([
    'mail',
    'function:mail',
    '123456789012:function:mail',
    arn,
    `${arn}:1`,
    'mail:$LATEST',
  ])('invokes the function that it calls %s', async (FunctionName) => {
    running.worker.script = (invocation) => invocation.answer('{"sent":true}');
    const answer = await invoke({ FunctionName, Payload: Buffer.from('{"to":"ada"}') });
    expect(answer.Payload?.transformToString()).toBe('{"sent":true}');
    expect(answer).toMatchObject({ StatusCode: 200, ExecutedVersion: '1' });
    expect(answer.FunctionError).toBeUndefined();
    expect(running.worker.last.body.toString()).toBe('{"to":"ada"}');
    expect(running.worker.last.item.id).toBe(answer.$metadata.requestId);
  });

  test('gets a large answer whole, and is granted what is held for it', async () => {
    const large = Buffer.alloc(3 * 1024 * 1024, 'x');
    running.worker.script = (invocation) => {
      invocation.head();
      for (let at = 0; at < large.length; at += 65_536) {
        invocation.chunk(large.subarray(at, at + 65_536));
      }
      expect(invocation.grantedBytes).toBeGreaterThan(large.length - 256 * 1024);
      invocation.end();
    };
    const answer = await invoke();
    expect(answer.Payload?.length).toBe(large.length);
  });

  test.each([
    [
      {
        kind: 'function_error',
        error: { type: 'TypeError', message: 'no address', stack: 'a\nb' },
      },
      { errorType: 'TypeError', errorMessage: 'no address', trace: ['a', 'b'] },
    ],
    [
      { kind: 'timeout', phase: 'run' },
      {
        errorType: 'Sandbox.Timedout',
        errorMessage: expect.stringContaining('Task timed out after 3.00 seconds') as string,
      },
    ],
    [
      { kind: 'crashed', exitCode: 127 },
      {
        errorType: 'Runtime.ExitError',
        errorMessage: expect.stringContaining('exit status 127') as string,
      },
    ],
  ] as const)('is told how the function failed: %o', async (outcome, payload) => {
    running.worker.script = (invocation) => invocation.end(outcome);
    const answer = await invoke();
    expect(answer).toMatchObject({ StatusCode: 200, FunctionError: 'Unhandled' });
    expect(JSON.parse(answer.Payload?.transformToString() ?? '')).toEqual(payload);
  });

  test('gets the end of the logs', async () => {
    running.logEntries = [
      { functionName: 'mail', timeMs: 1, stream: 'stdout', text: 'to ada' },
      { functionName: 'mail', timeMs: 2, stream: 'stdout', text: 'sent' },
    ];
    const answer = await invoke({ LogType: 'Tail' });
    const tail = Buffer.from(answer.LogResult ?? '', 'base64').toString();
    const id = answer.$metadata.requestId;
    expect(tail.split('\n').slice(0, 4)).toEqual([
      `START RequestId: ${id} Version: 1`,
      'to ada',
      'sent',
      `END RequestId: ${id}`,
    ]);
    expect(tail).toContain('Duration: 1.25 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB');
  });

  test('enqueues an event', async () => {
    const answer = await invoke({ InvocationType: 'Event', Payload: Buffer.from('[1]') });
    expect(answer).toMatchObject({ StatusCode: 202 });
    expect(answer.Payload?.length ?? 0).toBe(0);
    expect(running.invocations.enqueued).toMatchObject([{ id: answer.$metadata.requestId }]);
  });

  test('asks whether it may, and nothing runs', async () => {
    expect(await invoke({ InvocationType: 'DryRun' })).toMatchObject({ StatusCode: 204 });
    expect(running.worker.invocations).toEqual([]);
  });

  test('gets an answer as it comes', async () => {
    running.worker.script = (invocation) => {
      invocation.head();
      invocation.chunk('one ');
      setImmediate(() => {
        invocation.chunk('two');
        invocation.end({ kind: 'function_error', error: { type: 'Error', message: 'late' } });
      });
    };
    const { EventStream: stream, ExecutedVersion } = await client.send(
      new InvokeWithResponseStreamCommand({ FunctionName: 'mail' }),
    );
    const events = await Array.fromAsync(stream ?? []);
    const text = events.map(({ PayloadChunk }) =>
      Buffer.from(PayloadChunk?.Payload ?? []).toString(),
    );
    expect(text.join('')).toBe('one two');
    expect(ExecutedVersion).toBe('1');
    expect(events.at(-1)?.InvokeComplete).toMatchObject({
      ErrorCode: 'Unhandled',
      ErrorDetails: expect.stringContaining('late') as string,
    });
  });
});

describe('an AWS SDK is refused', () => {
  const refusal = (sent: Promise<unknown>) =>
    sent.then(
      () => undefined,
      (error: Error & { $metadata: { httpStatusCode: number } }) => ({
        name: error.name,
        status: error.$metadata.httpStatusCode,
        message: error.message,
      }),
    );

  test.each([
    [{ FunctionName: 'nobody' }, 'ResourceNotFoundException', 404],
    [{ Qualifier: '7' }, 'ResourceNotFoundException', 404],
    [{ Payload: Buffer.from('{') }, 'InvalidRequestContentException', 400],
    [{ ClientContext: Buffer.from('{').toString('base64') }, 'InvalidRequestContentException', 400],
    [{ Payload: Buffer.alloc(6 * 1024 * 1024 + 1, '1') }, 'RequestTooLargeException', 413],
    [{ InvocationType: 'Sometimes' as never }, 'ValidationException', 400],
  ])('for %o', async (input, name, status) => {
    expect(await refusal(invoke(input))).toMatchObject({ name, status });
  });

  test.each([
    ['throttled', 'TooManyRequestsException', 429],
    ['unavailable', 'ServiceException', 503],
  ] as const)('when the host says %s', async (code, name, status) => {
    const error = new HostError(code, 'pool.full', 'No room.', { retryAfterMs: 2_000 });
    running.worker.script = (invocation) => invocation.end(error);
    expect(await refusal(invoke())).toEqual({ name, status, message: 'No room.' });
  });

  test('with a key that does not check out, or has no right', async () => {
    client = clientWith('root', 'guessed');
    expect(await refusal(invoke())).toMatchObject({
      name: 'InvalidSignatureException',
      status: 403,
    });
    client = clientWith('nobody', 'secret');
    expect(await refusal(invoke())).toMatchObject({ name: 'UnrecognizedClientException' });
    const scopes = [{ action: 'read', pattern: 'mail' }] as const;
    const { secret } = await running.keys.create('reader', scopes, undefined);
    client = clientWith('reader', secret);
    expect(await refusal(invoke())).toMatchObject({ name: 'AccessDeniedException' });
    const remove = new DeleteFunctionCommand({ FunctionName: arn });
    expect(await refusal(client.send(remove))).toMatchObject({ name: 'AccessDeniedException' });
  });

  test('for what is not served', async () => {
    const put = new PutFunctionConcurrencyCommand({
      FunctionName: 'mail',
      ReservedConcurrentExecutions: 1,
    });
    expect(await refusal(client.send(put))).toMatchObject({ name: 'UnknownOperationException' });
  });
});

describe('an AWS SDK manages functions', () => {
  test('page by page, those that its key may read', async () => {
    for (const name of ['alpha', 'beta']) await running.addFunction(name);
    const first = await client.send(new ListFunctionsCommand({ MaxItems: 2 }));
    expect(first.Functions?.map(({ FunctionName }) => FunctionName)).toEqual(['alpha', 'beta']);
    const rest = await client.send(new ListFunctionsCommand({ Marker: first.NextMarker }));
    expect(rest.Functions?.map(({ FunctionName }) => FunctionName)).toEqual(['mail']);
    expect(rest.NextMarker).toBeUndefined();
  });

  test('and learns what one is made of', async () => {
    const { Configuration, Code } = await client.send(
      new GetFunctionCommand({ FunctionName: arn }),
    );
    expect(Configuration).toMatchObject({
      FunctionName: 'mail',
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Timeout: 3,
      MemorySize: 128,
      Version: '$LATEST',
      State: 'Active',
      LastUpdateStatus: 'Successful',
    });
    expect(Code?.ResolvedImageUri).toContain(`functions/mail@${digestOf('a')}`);
    const one = new GetFunctionConfigurationCommand({ FunctionName: 'mail', Qualifier: '1' });
    expect(await client.send(one)).toMatchObject({ Version: '1' });
  });

  test('their versions and aliases', async () => {
    const published = await client.send(new PublishVersionCommand({ FunctionName: 'mail' }));
    expect(published.Version).toBe('1');
    const alias = { FunctionName: 'mail', Name: 'blue' };
    await client.send(new CreateAliasCommand({ ...alias, FunctionVersion: '1' }));
    expect(await client.send(new GetAliasCommand(alias))).toMatchObject({ FunctionVersion: '1' });
    const { Aliases } = await client.send(new ListAliasesCommand({ FunctionName: 'mail' }));
    expect(Aliases).toMatchObject([{ Name: 'blue' }]);
    const { Versions } = await client.send(
      new ListVersionsByFunctionCommand({ FunctionName: 'mail' }),
    );
    expect(Versions?.map(({ Version }) => Version)).toEqual(['$LATEST', '1']);
    expect(await invoke({ Qualifier: 'blue' })).toMatchObject({ ExecutedVersion: '1' });
  });

  test('moves an alias to another version, and removes it', async () => {
    const record = running.functions.get('mail');
    if (!record) throw new Error('it is there');
    const second = { number: 2, digest: digestOf('b'), spec: specOf('mail'), createdAt: '' };
    await running.functions.put({
      ...record,
      revision: record.revision + 1,
      versions: [...record.versions, second],
    });
    const alias = { FunctionName: 'mail', Name: 'blue' };
    await client.send(new CreateAliasCommand({ ...alias, FunctionVersion: '1' }));
    const moved = new UpdateAliasCommand({ ...alias, FunctionVersion: '2' });
    expect(await client.send(moved)).toMatchObject({ Name: 'blue', FunctionVersion: '2' });
    expect(await invoke({ Qualifier: 'blue' })).toMatchObject({ ExecutedVersion: '2' });
    await client.send(new DeleteAliasCommand(alias));
    const gone = { name: 'ResourceNotFoundException' };
    await expect(client.send(new GetAliasCommand(alias))).rejects.toMatchObject(gone);
    await expect(client.send(moved)).rejects.toMatchObject(gone);
  });

  test('and removes one', async () => {
    await client.send(new DeleteFunctionCommand({ FunctionName: 'mail' }));
    expect(running.functions.get('mail')).toBeUndefined();
  });
});
