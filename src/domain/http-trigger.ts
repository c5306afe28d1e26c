/**
 * Who may call an HTTP trigger. `none`: anyone. `key`: holders of a key that may invoke it. `jwt`:
 * holders of a token of an issuer's. `hmac`: who signs with a shared secret, as webhooks do.
 */
export const httpAuths = ['none', 'key', 'jwt', 'hmac'] as const;
export type HttpAuth = (typeof httpAuths)[number];

/** How others reach a function over HTTP. */
export interface HttpTrigger {
  readonly auth: HttpAuth;
  /** Empty: all. */
  readonly methods: readonly string[];
  /** Host names by which it is reached besides `/fn/<name>`, in lower case; absent: none. */
  readonly hosts?: readonly string[];
  /** Where `auth` is `jwt`. */
  readonly jwt?: JwtAuth;
  /** Where `auth` is `hmac`. */
  readonly hmac?: HmacAuth;
  /** Absent: browsers let no page of another origin see the answers. */
  readonly cors?: Cors;
}

export interface JwtAuth {
  readonly issuer: string;
  readonly audience: string;
  /** Where the issuer publishes its keys; https. */
  readonly jwks: string;
}

/** `github`: X-Hub-Signature-256. `stripe`: Stripe-Signature, which has a time. */
export const hmacFormats = ['github', 'stripe'] as const;

export interface HmacAuth {
  readonly format: (typeof hmacFormats)[number];
  /** The name of the secret that both sides know. */
  readonly secret: string;
}

export interface Cors {
  /** `https://shop.example.com`, or `*` for all. */
  readonly origins: readonly string[];
  /** Headers that a page may send beside the simple ones; in lower case. */
  readonly headers: readonly string[];
  /** Headers of the answer that a page may read beside the simple ones. */
  readonly exposed: readonly string[];
  readonly credentials: boolean;
  readonly maxAgeMs: number;
}

/** Checks callers that have no key of ours. */
export interface TriggerGuard {
  /** Before the body is read. @throws HostError `unauthenticated`; `unavailable` without the issuer. */
  checkToken(auth: JwtAuth, authorization: string | undefined): Promise<void>;
  /** @throws HostError `unauthenticated` unless the body is signed with the function's secret. */
  checkSignature(
    auth: HmacAuth,
    functionName: string,
    headers: Readonly<Record<string, string | string[] | undefined>>,
    body: Uint8Array,
  ): void;
}
