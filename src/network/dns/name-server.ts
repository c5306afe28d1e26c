import {
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  type Question,
} from 'dns-packet';
import { HostError } from '../../domain/errors.ts';
import type { IpFamily } from '../../lib/ip-range.ts';
import type { Resolved } from './resolver.ts';
import { notThere, type OnRefused, type Zone } from './zone.ts';

export interface NameServerOptions {
  /** The first that has a name answers for it; what none has does not exist. */
  readonly zones: readonly Zone[];
  /** Does an invocation run? Nobody else has anything to ask. */
  readonly isOpen: () => boolean;
  readonly onRefused: OnRefused;
  /** It could not be found out; the function is told SERVFAIL. */
  readonly onFailed: (error: unknown) => void;
}

const codes = { none: 0, formatError: 1, failed: 2, notFound: 3, refused: 5 } as const;
const familyOfType: Readonly<Record<string, IpFamily>> = { A: 4, AAAA: 6 };
const namePattern = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;

/** Of one sandbox at once. */
const openQuestionsLimit = 64;

/**
 * Answers one sandbox's questions: only names that its function may connect to exist. Nothing of a
 * question for another name leaves the machine.
 */
export class NameServer {
  readonly #options: NameServerOptions;
  #open = 0;

  constructor(options: NameServerOptions) {
    this.#options = options;
  }

  /** The answer to one message; none to what is no question. Never rejects. */
  async answer(message: Buffer): Promise<Buffer | undefined> {
    const query = parsedQuery(message);
    if (!query) return undefined;
    const { id, question } = query;
    const isAdmitted = this.#options.isOpen() && this.#open < openQuestionsLimit;
    if (!isAdmitted) return reply(id, question, codes.refused);
    this.#open += 1;
    try {
      return await this.#resolve(id, question);
    } catch (error) {
      if (isThrottled(error)) return reply(id, question, codes.refused);
      this.#options.onFailed(error);
      return reply(id, question, codes.failed);
    } finally {
      this.#open -= 1;
    }
  }

  async #resolve(id: number, question: Question): Promise<Buffer> {
    const name = question.name.toLowerCase();
    const resolved = await this.#lookUp(name, familyOfType[question.type]);
    if (!resolved.exists) return reply(id, question, codes.notFound);
    return reply(id, question, codes.none, resolved.addresses, resolved.ttlSeconds);
  }

  #lookUp(name: string, family: IpFamily | undefined): Promise<Resolved> {
    const { zones, onRefused } = this.#options;
    if (namePattern.test(name)) {
      for (const zone of zones) {
        const resolved = zone.resolve(name, family);
        if (resolved) return resolved;
      }
    }
    onRefused(name, 'name');
    return Promise.resolve(notThere);
  }
}

const isThrottled = (error: unknown): boolean =>
  error instanceof HostError && error.code === 'throttled';

function parsedQuery(message: Buffer): { id: number; question: Question } | undefined {
  try {
    const { type, id = 0, questions = [] } = decode(message);
    const [question] = questions;
    return type === 'query' && question && questions.length === 1 ? { id, question } : undefined;
  } catch {
    return undefined; // whatever it is, it is no question
  }
}

function reply(
  id: number,
  question: Question,
  code: number,
  addresses: readonly string[] = [],
  ttl = 0,
): Buffer {
  const type = question.type === 'AAAA' ? 'AAAA' : 'A';
  return encode({
    type: 'response',
    id,
    flags: AUTHORITATIVE_ANSWER | RECURSION_DESIRED | RECURSION_AVAILABLE | code,
    questions: [question],
    answers: addresses.map((data) => ({ type, name: question.name, ttl, data })),
  });
}
