import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import type { Digest } from '../../domain/ids.ts';
import type { BlobDescriptor, ManifestContent } from '../manifest-content.ts';

// cosign's format: SIGNATURE_SPEC.md of sigstore/cosign.
const payloadType = 'application/vnd.dev.cosign.simplesigning.v1+json';
const signatureAnnotation = 'dev.cosignproject.cosign/signature';
const criticalType = 'cosign container image signature';

/** What cosign calls its artifacts where it finds them as referrers. */
export const signatureArtifactType = 'application/vnd.dev.cosign.artifact.sig.v1+json';

/** The tag beside an image under which its signatures are. */
export const signatureTag = (digest: Digest): string => `${digest.replace(':', '-')}.sig`;

/** A payload that was signed, and its signature in base64. */
export interface SignatureLayer extends BlobDescriptor {
  readonly signature: string;
}

/** The signatures in one manifest. */
export function signatureLayers({ blobs }: ManifestContent): readonly SignatureLayer[] {
  return blobs.flatMap((blob) => {
    const signature = blob.annotations?.[signatureAnnotation];
    return blob.mediaType === payloadType && signature !== undefined
      ? [{ ...blob, signature }]
      : [];
  });
}

/** Undefined for text that is no public key of a kind that is taken. */
export function readPublicKey(pem: string): KeyObject | undefined {
  try {
    const key = createPublicKey(pem);
    const isP256 = key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
    return isP256 || key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What is wrong with a signature of an image; undefined when nothing is. As cosign does, the name in
 * the payload is not looked at: a signature holds wherever a copy of the image lies.
 */
export function signatureProblem(
  payload: Uint8Array,
  signature: string,
  digest: Digest,
  keys: readonly KeyObject[],
): string | undefined {
  const bytes = Buffer.from(signature, 'base64');
  if (!keys.some((key) => isBy(key, payload, bytes))) return 'it is by another key';
  const { image, type } = criticalPart(payload);
  if (type !== criticalType) return 'it is not of an image';
  return image === digest ? undefined : `it is of another image, ${String(image).slice(0, 80)}`;
}

function isBy(key: KeyObject, payload: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', payload, key, signature);
  } catch {
    return false; // not even the form of one
  }
}

interface Payload {
  readonly critical?: {
    readonly type?: unknown;
    readonly image?: { readonly 'docker-manifest-digest'?: unknown };
  };
}

function criticalPart(payload: Uint8Array): { readonly image: unknown; readonly type: unknown } {
  try {
    const { critical } = Object(JSON.parse(Buffer.from(payload).toString())) as Payload;
    return { image: critical?.image?.['docker-manifest-digest'], type: critical?.type };
  } catch {
    return { image: undefined, type: undefined };
  }
}
