/** Of every object in a schema: an unknown key is an error. */
export const strict = { additionalProperties: false };
