/** Every key and channel of this module. Braces keep what one script touches in one cluster slot. */
export const redisKeys = (prefix: string) => ({
  /** Set: ids of nodes that have announced themselves and have not been seen to expire. */
  nodeIds: `${prefix}{nodes}:ids`,
  /** String with an expiry: JSON of the NodeInfo. */
  node: (id: string) => `${prefix}{nodes}:node:${id}`,
  /** Channel: JSON of a NodeQuestion to all nodes. */
  questions: `${prefix}{nodes}:questions`,
  /** Channel: JSON of NodeAnswers to one gateway. */
  answers: (gateway: string) => `${prefix}{nodes}:answers:${gateway}`,
});

/** Which schema the records have. */
export const schemaKeys = (prefix: string) => ({
  /** String: a number. */
  version: `${prefix}{schema}:version`,
  /** String with an expiry: who migrates. */
  lock: `${prefix}{schema}:lock`,
});

/** What is defined by users, and which nodes there are: kept for good. */
export const recordKinds = [
  'functions',
  'keys',
  'secrets',
  'volumes',
  'networks',
  'stacks',
  'nodes',
  'webhooks',
] as const;
export type RecordKind = (typeof recordKinds)[number];

/** Where the records of one kind are. */
export const recordKeys = (prefix: string, kind: RecordKind) => ({
  /** Hash: name → JSON of the record. */
  records: `${prefix}{${kind}}:records`,
  /** Counter: the number of the last change. */
  sequence: `${prefix}{${kind}}:sequence`,
  /** Channel: `<number> <name> <JSON of the record, or nothing>`. */
  changes: `${prefix}{${kind}}:changes`,
});
