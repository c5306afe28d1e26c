/** Before every key in Redis, so that Hearth can share one. */
export const keyPrefix = 'hearth';
