import type { ImageSpec } from '../domain/function.ts';
import type { PreparedImage } from '../domain/image.ts';
import type { PreparedVersion } from '../domain/version.ts';
import { defaultPort } from './channels/http-channel.ts';
import { runtimeApiPort } from './channels/lambda-channel.ts';

/** What is run in a sandbox whose image is the user's own, and as whom. */
export interface ImageProgram {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly uid: number;
  readonly gid: number;
}

/** Put on top of every image by the deploy: it reaps what the program leaves behind. */
const init = ['/.hearth/init', '--'];

const taskRoot = '/var/task';
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Words by which an image shows that it brings a client of the Runtime API. */
const lambdaClients = /aws-lambda-ric|awslambdaric|lambda-entrypoint|lambda-runtime|aws-lambda-rie/;

/** How the image is talked with: as the function says, else as the image looks. */
export function channelOf(
  { channel }: ImageSpec,
  { entrypoint, cmd, env }: PreparedImage,
): 'lambda' | 'http' {
  if (channel !== 'auto') return channel;
  const isLambda =
    lambdaClients.test([...entrypoint, ...cmd].join(' ')) ||
    env.some((variable) => variable.startsWith('LAMBDA_TASK_ROOT='));
  return isLambda ? 'lambda' : 'http';
}

/**
 * The image's own program and environment, with what the channel's clients look for; the function's
 * `env` has the last word.
 */
export function imageProgram(version: PreparedVersion, channel: 'lambda' | 'http'): ImageProgram {
  const { image, spec } = version;
  const variables = new Map<string, string>([
    ['PATH', defaultPath],
    ['HOME', '/tmp'],
    ...image.env.map(pairOf),
    ...Object.entries(channel === 'lambda' ? lambdaEnv(version) : httpEnv(version)),
    ...Object.entries(spec.env),
  ]);
  return {
    args: [...init, ...image.entrypoint, ...image.cmd],
    env: [...variables].map(([name, value]) => `${name}=${value}`),
    ...image.user,
  };
}

function lambdaEnv({ digest, spec, image }: PreparedVersion): Record<string, string> {
  const { name, memoryBytes, concurrency } = spec;
  const handler = image.cmd.at(-1);
  return {
    AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${runtimeApiPort}`,
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_VERSION: digest,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(Math.floor(memoryBytes / 1024 ** 2)),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: `/hearth/${name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: digest,
    LAMBDA_TASK_ROOT: taskRoot,
    LAMBDA_RUNTIME_DIR: '/var/runtime',
    TZ: ':UTC',
    ...(handler === undefined ? {} : { _HANDLER: handler }),
    ...(concurrency > 1 ? { AWS_LAMBDA_MAX_CONCURRENCY: String(concurrency) } : {}),
  };
}

/** The names of Knative's contract, which libraries know. */
function httpEnv({ digest, spec }: PreparedVersion): Record<string, string> {
  return {
    PORT: String(defaultPort),
    K_SERVICE: spec.name,
    K_CONFIGURATION: spec.name,
    K_REVISION: digest,
  };
}

function pairOf(variable: string): [string, string] {
  const at = variable.indexOf('=');
  return at < 0 ? [variable, ''] : [variable.slice(0, at), variable.slice(at + 1)];
}
