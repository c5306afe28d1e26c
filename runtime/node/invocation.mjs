/**
 * One invocation as handlers see it.
 * @typedef {object} Invocation
 * @property {import('./responder.mjs').Responder} responder
 * @property {InvokeHead} head
 * @property {Buffer} body
 * @property {string} functionName
 * @property {string} version
 * @property {number} memoryBytes
 */

/**
 * @typedef {object} InvokeHead
 * @property {string} id
 * @property {'http' | 'event'} trigger
 * @property {string} method
 * @property {string} url
 * @property {[string, string][]} headers
 * @property {string} sourceIp
 * @property {number} deadlineMs
 */

/**
 * Answers through the responder; what it throws becomes the answer.
 * @typedef {(invocation: Invocation) => Promise<void>} Handler
 */

export {};
