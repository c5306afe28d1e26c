/** `warn`: it runs, but not as well or as safely as it could. */
export type CheckStatus = 'ok' | 'warn' | 'fail';

export interface CheckResult {
  readonly status: CheckStatus;
  /** What is there, in a few words. */
  readonly found: string;
  /** What to do about it. */
  readonly remedy?: string;
}

export interface Check {
  readonly name: string;
  readonly run: () => Promise<CheckResult>;
}

export interface Finding extends CheckResult {
  readonly name: string;
}

/** Runs all; a check that cannot be made has failed, with the reason. */
export function runChecks(checks: readonly Check[]): Promise<readonly Finding[]> {
  return Promise.all(
    checks.map(async ({ name, run }) => {
      try {
        return { name, ...(await run()) };
      } catch (error) {
        const found = `cannot be checked: ${(error as Error).message.split('\n')[0]}`;
        return { name, status: 'fail' as const, found };
      }
    }),
  );
}

/** Compares versions such as 6.18.44-x and 5.11 by their numbers. */
export function isAtLeast(version: string, minimum: string): boolean {
  const [a, b] = [version, minimum].map((text) => (text.match(/\d+/g) ?? []).map(Number));
  for (const [i, wanted] of (b ?? []).entries()) {
    const has = a?.[i] ?? 0;
    if (has !== wanted) return has > wanted;
  }
  return true;
}
