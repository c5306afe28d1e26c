const prefix = 'arn:aws:lambda:local:000000000000:function';

/** What AWS's clients and handlers know a function by; `qualifier` names one of its versions. */
export const functionArn = (name: string, qualifier?: string): string =>
  qualifier === undefined ? `${prefix}:${name}` : `${prefix}:${name}:${qualifier}`;
