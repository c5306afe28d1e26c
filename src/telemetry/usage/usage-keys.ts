/** Hash of a day: `<function>:<amount>`, as in UsageAmounts → a sum. */
export const usageKey = (prefix: string, day: string): string => `${prefix}{usage}:${day}`;
