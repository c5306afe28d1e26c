export interface StemState {
  /** Stems to keep while there is memory enough. */
  readonly size: number;
  readonly ready: number;
  readonly stemBytes: number;
  /** Memory for sandboxes that nobody has. */
  readonly freeBytes: number;
  readonly limitBytes: number;
}

/** POLICY: so much of the memory is left to functions, which need it more. */
const keptFreeShare = 0.1;

/** May one more be made now? */
export function wantsStem({ size, ready, stemBytes, freeBytes, limitBytes }: StemState): boolean {
  return ready < size && freeBytes - stemBytes >= limitBytes * keptFreeShare;
}
