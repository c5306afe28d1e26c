/** Runs one step of a start and tells about it. */
export type Step = (name: string, run: () => Promise<void>) => Promise<void>;

/** A whole host on this machine. */
export interface RunningHost {
  readonly url: string;
  /** Aborts at Ctrl-C or SIGTERM. */
  readonly stopRequested: AbortSignal;
  stop(): Promise<void>;
}

/** The commands that run the host itself: they are given to the command line, not known to it. */
export interface HostCommands {
  /** Resolves when everything serves. */
  up(step: Step): Promise<RunningHost>;
  /** Resolves when it was asked to stop and has. */
  gateway(): Promise<void>;
  worker(options: { readonly hasOwnMounts: boolean }): Promise<void>;
}
