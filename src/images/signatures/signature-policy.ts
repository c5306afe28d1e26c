import { fits } from '../../domain/principal.ts';

/** Images whose names fit the pattern need a signature by one of the keys; with no keys they need none. */
export interface SignatureRule {
  /** Of `registry/repository`, or of the repository alone where the image was pushed here; `*` is any text. */
  readonly pattern: string;
  /** Public keys in PEM: ECDSA on P-256, or Ed25519. */
  readonly keyFiles: readonly string[];
}

// POLICY: the first rule that fits decides, so that exceptions can stand before what they are from.
export function ruleFor(rules: readonly SignatureRule[], name: string): SignatureRule | undefined {
  const rule = rules.find(({ pattern }) => fits(pattern, name));
  return rule && rule.keyFiles.length > 0 ? rule : undefined;
}
