/** A part of the invocations fails at every attempt: they have to end as dead letters. */
export const alwaysFails = (id: string): boolean => id.startsWith('0');
