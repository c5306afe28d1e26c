/** `differs`: a dry run found something to change. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, differs: 3 } as const;

/** Ends a command that has said all it has to say with another code than 0. */
export class ExitWith extends Error {
  override readonly name = 'ExitWith';
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`exit code ${exitCode}`);
    this.exitCode = exitCode;
  }
}
