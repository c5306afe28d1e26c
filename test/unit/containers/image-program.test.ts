import { describe, expect, test } from 'vitest';
import { channelOf, imageProgram } from '../../../src/containers/image-program.ts';
import type { PreparedImage } from '../../../src/domain/image.ts';
import { fakeVersion } from '../../support/fake-sandbox.ts';

const image = (parts: Partial<PreparedImage>): PreparedImage => ({
  ...fakeVersion().image,
  ...parts,
});

describe('how an image is talked with', () => {
  test.each<[string, Partial<PreparedImage>, 'lambda' | 'http']>([
    ['a server', { cmd: ['node', 'server.js'] }, 'http'],
    ['nothing known of it', {}, 'http'],
    ["Node's client", { entrypoint: ['/usr/local/bin/npx', 'aws-lambda-ric'] }, 'lambda'],
    ["Python's client", { entrypoint: ['python', '-m', 'awslambdaric'] }, 'lambda'],
    ['a base image of AWS', { entrypoint: ['/lambda-entrypoint.sh'], cmd: ['a.b'] }, 'lambda'],
    ['the task root of Lambda', { env: ['LAMBDA_TASK_ROOT=/var/task'] }, 'lambda'],
  ])('is guessed: %s', (_, parts, channel) => {
    expect(channelOf({ reference: '', channel: 'auto' }, image(parts))).toBe(channel);
  });

  test('is what the function says, where it does', () => {
    const server = image({ cmd: ['server'] });
    expect(channelOf({ reference: '', channel: 'lambda' }, server)).toBe('lambda');
  });
});

describe('what is run of an image', () => {
  const version = {
    ...fakeVersion({ name: 'shop', env: { A: 'function' }, memoryBytes: 256 * 1024 ** 2 }),
    image: image({
      entrypoint: ['/bin/app'],
      cmd: ['--fast', 'index.handler'],
      env: ['A=image', 'B=a=b', 'PATH=/opt/bin'],
      user: { uid: 7, gid: 8 },
    }),
  };
  const environment = (channel: 'lambda' | 'http', of = version) =>
    Object.fromEntries(
      imageProgram(of, channel).env.map((variable) => {
        const at = variable.indexOf('=');
        return [variable.slice(0, at), variable.slice(at + 1)];
      }),
    );

  test('is its entrypoint and command below a first process that reaps, as its user', () => {
    const { args, uid, gid } = imageProgram(version, 'http');
    expect(args).toEqual(['/.hearth/init', '--', '/bin/app', '--fast', 'index.handler']);
    expect({ uid, gid }).toEqual({ uid: 7, gid: 8 });
  });

  test('has its environment, in which the function has the last word', () => {
    const env = { A: 'function', B: 'a=b', PATH: '/opt/bin', HOME: '/tmp' };
    expect(environment('http')).toMatchObject({ ...env, PORT: '8080', K_SERVICE: 'shop' });
  });

  test('has what clients of the Runtime API cannot do without', () => {
    expect(environment('lambda')).toMatchObject({
      AWS_LAMBDA_RUNTIME_API: '127.0.0.1:9001',
      AWS_LAMBDA_FUNCTION_NAME: 'shop',
      AWS_LAMBDA_FUNCTION_VERSION: version.digest,
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
      AWS_LAMBDA_LOG_GROUP_NAME: '/hearth/shop',
      AWS_LAMBDA_LOG_STREAM_NAME: version.digest,
      _HANDLER: 'index.handler',
    });
    expect(environment('lambda')).not.toHaveProperty('AWS_LAMBDA_MAX_CONCURRENCY');
    const wide = { ...version, spec: { ...version.spec, concurrency: 4 } };
    expect(environment('lambda', wide)).toMatchObject({ AWS_LAMBDA_MAX_CONCURRENCY: '4' });
  });
});
