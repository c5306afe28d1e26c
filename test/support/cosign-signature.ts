import { createHash, sign, type KeyObject } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface SignatureOptions {
  /** The image's manifest. */
  readonly digest: string;
  /** What the payload calls it. */
  readonly name: string;
  readonly key: KeyObject;
  /** As a referrer of the image, which has so many bytes, instead of for a tag. */
  readonly subjectBytes?: number;
  /** In place of cosign's own. */
  readonly type?: string;
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const artifactType = 'application/vnd.dev.cosign.artifact.sig.v1+json';

/**
 * A signature in the format of `cosign sign --key` as an OCI layout, which skopeo copies to its tag
 * `sha256-….sig` beside the image; or to anywhere, where it has a subject.
 */
export function makeSignature(dir: string, options: SignatureOptions): string {
  const { digest, name, key, subjectBytes } = options;
  const type = options.type ?? 'cosign container image signature';
  const payload = Buffer.from(
    JSON.stringify({
      critical: {
        identity: { 'docker-reference': name },
        image: { 'docker-manifest-digest': digest },
        type,
      },
      optional: null,
    }),
  );
  const algorithm = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  const signature = sign(algorithm, payload, key).toString('base64');

  const layout = mkdtempSync(join(dir, 'signature-'));
  const blobs = join(layout, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const put = (mediaType: string, content: Buffer) => {
    const hex = createHash('sha256').update(content).digest('hex');
    writeFileSync(join(blobs, hex), content);
    return { mediaType, digest: `sha256:${hex}`, size: content.length };
  };
  const layer = {
    ...put('application/vnd.dev.cosign.simplesigning.v1+json', payload),
    annotations: { 'dev.cosignproject.cosign/signature': signature },
  };
  const config = put(
    'application/vnd.oci.image.config.v1+json',
    Buffer.from(
      JSON.stringify({
        architecture: '',
        os: '',
        created: '0001-01-01T00:00:00Z',
        config: {},
        history: [{ created: '0001-01-01T00:00:00Z' }],
        rootfs: { type: 'layers', diff_ids: [layer.digest] },
      }),
    ),
  );
  const subject = { mediaType: manifestType, digest, size: subjectBytes };
  const manifest = put(
    manifestType,
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: manifestType,
        ...(subjectBytes === undefined ? {} : { artifactType, subject }),
        config,
        layers: [layer],
      }),
    ),
  );
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const index = { schemaVersion: 2, manifests: [manifest] };
  writeFileSync(join(layout, 'index.json'), JSON.stringify(index));
  return `oci:${layout}`;
}

/** The tag of an image's signatures. */
export const signatureTag = (digest: string): string => `${digest.replace(':', '-')}.sig`;
