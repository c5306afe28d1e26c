import { lookup } from 'node:dns';
import { once } from 'node:events';
import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import type { WebhookDestination } from '../domain/async-settings.ts';
import { HostError } from '../domain/errors.ts';
import type { Attempt, DestinationSender, Telling } from '../domain/event-queue.ts';
import { missingSecrets, type SecretSource } from '../domain/secret.ts';

export interface WebhookSenderOptions {
  readonly secrets: SecretSource;
  /** Headers that prove who sends the body. */
  readonly sign: (secret: string, id: string, body: Uint8Array) => Record<string, string>;
  /** Addresses that nobody outside may make the host talk to. */
  readonly isBlocked: (address: string) => boolean;
}

/** Who is told answers at once and works afterwards. */
const answerLimitMs = 30_000;

/**
 * Posts what is told to URLs that users name. They are not to reach with it what only the host can
 * reach: the addresses that a name has are looked at in the very lookup whose result is connected
 * to, and redirects are not followed.
 */
export class WebhookSender implements DestinationSender<WebhookDestination> {
  readonly #options: WebhookSenderOptions;

  constructor(options: WebhookSenderOptions) {
    this.#options = options;
  }

  async send(destination: WebhookDestination, attempt: Attempt): Promise<Telling> {
    try {
      return tellingOf(await this.#post(destination, attempt));
    } catch (error) {
      if (attempt.cancelled.aborted) return { outcome: { kind: 'cancelled' } };
      if (error instanceof HostError) return { outcome: error };
      return failed(error instanceof Error ? error.message : String(error));
    }
  }

  /** Gives the head of the answer; what follows is not read. */
  async #post(
    { webhook, secret }: WebhookDestination,
    { id, functionName, body, cancelled }: Attempt,
  ): Promise<IncomingMessage> {
    const url = new URL(webhook);
    const host = url.hostname.replace(/^\[|\]$/g, '');
    if (isIP(host) > 0 && this.#options.isBlocked(host)) throw blocked(host);
    const signal = AbortSignal.any([cancelled, AbortSignal.timeout(answerLimitMs)]);
    const request = url.protocol === 'https:' ? requestHttps : requestHttp;
    const sent = request(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'content-length': body.byteLength,
        'user-agent': 'hearth',
        'webhook-id': id,
        ...this.#signature(functionName, secret, id, body),
      },
      lookup: this.#lookup,
      agent: false,
      signal,
    });
    sent.end(body);
    const [answer] = (await once(sent, 'response', { signal })) as [IncomingMessage];
    answer.on('error', () => {}).destroy();
    return answer;
  }

  #signature(functionName: string, secret: string | undefined, id: string, body: Uint8Array) {
    if (secret === undefined) return {};
    const { values, missing } = this.#options.secrets.bind({
      name: functionName,
      secrets: [secret],
    });
    const value = values[secret];
    if (value !== undefined) return this.#options.sign(value, id, body);
    throw new HostError('invalid', 'webhook.no_secret', missingSecrets(functionName, missing));
  }

  readonly #lookup: LookupFunction = (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, []);
      const reachable = found.filter(({ address }) => !this.#options.isBlocked(address));
      const [first] = reachable;
      if (!first) return callback(blocked(host), []);
      if (options.all) return callback(null, reachable);
      callback(null, first.address, first.family);
    });
  };
}

function tellingOf({ statusCode: status = 0, headers }: IncomingMessage): Telling {
  const retryAfter = headers['retry-after'];
  const kept = retryAfter === undefined ? [] : [['retry-after', retryAfter] as const];
  const response = { status, headers: kept, body: new Uint8Array(0) };
  if (status >= 200 && status < 300) return { outcome: { kind: 'ok' }, response };
  return { ...failed(`It answered with status ${status}.`), response };
}

const failed = (message: string): Telling => ({
  outcome: { kind: 'function_error', error: { type: 'WebhookFailed', message } },
});

const blocked = (host: string): HostError =>
  new HostError(
    'invalid',
    'webhook.blocked',
    `"${host}" is a private or local address, to which no webhook is sent unless the operator excepts it with HEARTH_NETWORK_ALLOW.`,
  );
