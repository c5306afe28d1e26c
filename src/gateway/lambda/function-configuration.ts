import { arch } from 'node:process';
import { functionArn } from '../../domain/function-arn.ts';
import type { FunctionRecord, FunctionVersion } from '../../domain/function.ts';
import { uuidOf } from '../../lib/uuid-of.ts';
import { handlerOf, lambdaRuntimeOf } from './lambda-runtime.ts';

const mib = 1024 ** 2;

/** AWS's words for processors. */
const architectures: readonly string[] = [arch === 'arm64' ? 'arm64' : 'x86_64'];

/**
 * A version as AWS's clients know it. `qualifier`: by which name it was asked for; absent: it is what
 * serves, which they call `$LATEST`.
 */
export function functionConfiguration(
  { name, revision }: FunctionRecord,
  { number, digest, spec, createdAt }: FunctionVersion,
  qualifier?: string,
) {
  const runtime = lambdaRuntimeOf(spec.runtime);
  return {
    FunctionName: name,
    FunctionArn: functionArn(name, qualifier),
    ...(runtime === undefined ? {} : { Runtime: runtime, Handler: handlerOf(spec) }),
    Role: 'arn:aws:iam::000000000000:role/hearth', // functions have no rights on AWS
    CodeSize: 0,
    Description: '',
    Timeout: Math.ceil(spec.timeoutMs / 1000),
    MemorySize: Math.floor(spec.memoryBytes / mib),
    LastModified: createdAt.replace('Z', '+0000'),
    CodeSha256: Buffer.from(digest.slice(digest.indexOf(':') + 1), 'hex').toString('base64'),
    Version: qualifier === undefined ? '$LATEST' : String(number),
    Environment: { Variables: spec.env },
    TracingConfig: { Mode: 'PassThrough' },
    RevisionId: uuidOf(`${name} ${revision} ${digest}`),
    State: 'Active', // a version is recorded only once it is ready to run
    LastUpdateStatus: 'Successful',
    PackageType: runtime === undefined ? 'Image' : 'Zip',
    Architectures: architectures,
    EphemeralStorage: { Size: Math.floor(spec.scratchBytes / mib) },
    SnapStart: { ApplyOn: 'None', OptimizationStatus: 'Off' },
    LoggingConfig: { LogFormat: 'Text', LogGroup: `/hearth/${name}` },
  };
}

/** Where a version's code is: in the registry that the host is. */
export const functionCode = ({ name }: FunctionRecord, version: FunctionVersion, host: string) => ({
  RepositoryType: 'ECR',
  ImageUri: `${host}/functions/${name}:${version.number}`,
  ResolvedImageUri: `${host}/functions/${name}@${version.digest}`,
});

export const aliasConfiguration = (
  record: FunctionRecord,
  alias: string,
  { number, digest }: FunctionVersion,
) => ({
  AliasArn: functionArn(record.name, alias),
  Name: alias,
  FunctionVersion: String(number),
  Description: '',
  RevisionId: uuidOf(`${record.name} ${alias} ${digest}`),
});
