/** Limits promised to users (README, "Limits"). Over one: a clear 4xx, never a truncation. */

const kib = 1024;
const mib = 1024 * kib;

/** Body of a synchronous request, and of its buffered response. */
export const syncBodyLimitBytes = 6 * mib;

/**
 * Body of a synchronous request that is streamed: nothing holds it, so this bounds only what one call
 * may move. The function's timeout is mostly met before.
 */
export const streamedBodyLimitBytes = 10 * 1024 * mib;

/** Body of an asynchronous invocation, and of its answer: both are kept. */
export const asyncBodyLimitBytes = 1 * mib;

/** A body above this does not travel in Redis: the worker fetches it over the direct connection. */
export const laneBodyLimitBytes = 64 * kib;

/** Names and values of `env` together. */
export const envLimitBytes = 4 * kib;

export const timeoutLimitMs = 900_000;

/** An asynchronous invocation is the sooner taken the lower its number; without one it is 0. */
export const priorityLimit = 1000;

/** From the start of the container until the handler is loaded. */
export const initLimitMs = 10_000;

/** Captured output of one invocation; what follows is replaced by one marker line. */
export const logLimitBytes = 1 * mib;

/** An uploaded function package, unpacked or not. */
export const packageLimitBytes = 50 * mib;

/** For one image on its way to or from a registry, the largest over a slow line. */
export const imageTransferLimitMs = 30 * 60_000;

/** An image of the user's own, as an archive. */
export const imageLimitBytes = 10 * 1024 * mib;

/** A stream, or a connection with another protocol, ends when nothing moves on it for so long. */
export const usualIdleTimeoutMs = 300_000;

/** Response bytes a sender may have under way before the receiver grants more. */
export const responseWindowBytes = 256 * kib;

/** The same of a request's body that is streamed. */
export const requestWindowBytes = 256 * kib;
