/** Every key and channel of this module. Braces keep what one script touches in one cluster slot. */
export const redisKeys = (prefix: string) => ({
  /** Hash: function's name → JSON of its FunctionRecord. */
  functionRecords: `${prefix}{functions}:records`,
  /** Counter: the number of the last change. */
  functionSequence: `${prefix}{functions}:sequence`,
  /** Channel: `<number> <name> <JSON of the record, or nothing>`. */
  functionChanges: `${prefix}{functions}:changes`,
  /** Set: ids of nodes that have announced themselves and have not been seen to expire. */
  nodeIds: `${prefix}{nodes}:ids`,
  /** String with an expiry: JSON of the NodeInfo. */
  node: (id: string) => `${prefix}{nodes}:node:${id}`,
});
