import { HostError } from '../../domain/errors.ts';

/** POLICY: two for each of the new connections that a sandbox may make in a second, and some more. */
const questionsPerSecond = 500;

/**
 * A sandbox's share of the questions for which others are asked or the packet filter is told: some a
 * second, and as many at once. What the host knows by itself costs no more than a refusal.
 */
export class QuestionBudget {
  readonly #now: () => number;
  #tokens = questionsPerSecond;
  #filledMs: number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#filledMs = now();
  }

  /** @throws HostError `throttled` when it is used up. */
  spend(): void {
    const nowMs = this.#now();
    const gained = ((nowMs - this.#filledMs) / 1000) * questionsPerSecond;
    this.#tokens = Math.min(questionsPerSecond, this.#tokens + gained);
    this.#filledMs = nowMs;
    if (this.#tokens < 1) {
      throw new HostError('throttled', 'dns.too_many_questions', 'Too many names are looked up.');
    }
    this.#tokens -= 1;
  }
}
