import { createHash, createHmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';

/** The digest that AWS's signer wants to be given. */
class Sha256 {
  readonly #hash;
  constructor(key?: unknown) {
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', key as Buffer);
  }
  update(data: unknown): void {
    this.#hash.update(data as Buffer);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
}

export interface UnsignedRequest {
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly query?: Record<string, string>;
    /** With the `host` that it will be sent to. */
    readonly headers: Record<string, string>;
    readonly body?: string;
  };
  readonly service?: string;
  readonly at?: Date;
}

/** The headers of a request as AWS's own signer signs it. */
export async function awsSignature({
  credentials,
  request,
  service = 'lambda',
  at = new Date(),
}: UnsignedRequest): Promise<Record<string, string>> {
  const sha256 = Sha256 as never;
  const signer = new SignatureV4({ credentials, region: 'eu-central-1', service, sha256 });
  const { host = '' } = request.headers;
  const whole = { protocol: 'http:', hostname: host, ...request };
  return (await signer.sign(whole, { signingDate: at })).headers;
}
