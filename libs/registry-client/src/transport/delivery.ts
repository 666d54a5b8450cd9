import { Trouble, type FailureCode } from '../failure.ts';
import type { Throttle } from '../throttle.ts';
import type { Origin } from './endpoint.ts';
import { exchange, type Answer, type Method } from './exchange.ts';
import type { KnownPaces } from './known-paces.ts';
import { isBrokenConnection, isProtocolError, networkTrouble } from './network-trouble.ts';
import type { Operation } from './operation.ts';
import { pause } from './pause.ts';
import { exhaustedFor, namedRetryTime } from './retry-time.ts';

/** Waits up to this are sat out; for longer ones the registry is halted and the operation fails as `throttled`. */
const SHORT_WAIT_MS = 1000;
/** GHCR names microseconds, at which a thousand clients would come back at once. */
const LEAST_WAIT_MS = 100;

/** What to do when a registry limits requests. */
export interface RateLimitRetry {
  /** Refused requests in a row, of all operations on a registry together, before it is halted. */
  maxOnRateLimit: number;
  /** Milliseconds of pause where the registry names no time; above one second it is halted for that long instead. */
  sleepMs: number;
  /** Milliseconds that a registry is halted when pauses did not help and it names no time. */
  cooldownMs: number;
}

/** What a request is for: `api` is a registry's own API beside the OCI protocol. */
export type RequestPurpose = 'manifest' | 'tags' | 'token' | 'api' | 'blob';

/** One request as it was sent, for metrics. */
export interface RequestInfo {
  purpose: RequestPurpose;
  method: Method;
  /** Host that was asked; another one than the registry's for redirects and tokens. */
  host: string;
  /** HTTP status; null where there was no answer. */
  status: number | null;
  /** Why there was no answer. */
  failure?: FailureCode;
  milliseconds: number;
}

/** A request before it has a connection, a token or permission to be sent. */
export interface Message {
  purpose: RequestPurpose;
  method: Method;
  path: string;
  headers: string[];
  body?: string | undefined;
  maxBody: number;
  /**
   * The host counts on its own account, as GitHub's API does: what it says of limits is left to the caller and does not
   * halt the registry.
   */
  ownLimits?: boolean | undefined;
}

/** How a registry limits requests at present, as far as this process was told. */
export class Pace {
  /** Milliseconds since the epoch until which nothing is sent. */
  holdUntil = 0;
  /** Requests refused in a row. */
  refusals = 0;
}

export interface DeliveryOptions {
  throttle: Throttle;
  retry: RateLimitRetry;
  now: () => Date;
  onRequest: ((registry: string, info: RequestInfo) => void) | undefined;
  paces: KnownPaces | null;
}

/** Sends single requests: within the registry's rate, within the operation's time, again where that is safe. */
export class Delivery {
  readonly #options: DeliveryOptions;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** Any answer but a rate limit. Throws `Trouble`, the throttle's `RegistryFailure`, or the signal's reason. */
  async send(operation: Operation, pace: Pace, origin: Origin, message: Message): Promise<Answer> {
    const { throttle, paces, now } = this.#options;
    for (let again = 0; ;) {
      operation.signal?.throwIfAborted();
      if (pace.holdUntil !== 0) await this.#sitOut(pace, operation.signal);
      // First: a permission of the throttle is for now, not for later.
      const pacing = paces?.wait(operation.registry, message, operation.signal) ?? null;
      if (pacing !== null) await pacing;
      const waiting = throttle.acquire(operation.registry, operation.signal);
      if (waiting !== null) await waiting;
      if (operation.remainingMs <= 0) throw new Trouble('timeout', `${origin.host} took too long`);
      operation.requests++;
      const startedAt = performance.now();
      let answer: Answer;
      try {
        answer = await exchange(
          origin.pool,
          {
            method: message.method,
            path: message.path,
            headers: message.headers,
            body: message.body ?? null,
            maxBody: message.maxBody,
            deadline: startedAt + operation.remainingMs,
            signal: operation.signal,
            reset: origin.resetAfterHead && message.method === 'HEAD',
          },
          now,
        );
      } catch (error) {
        operation.remainingMs -= performance.now() - startedAt;
        if (operation.signal?.aborted === true) throw error;
        const trouble = networkTrouble(error, origin.host);
        this.#report(
          operation.registry,
          message,
          origin,
          startedAt,
          trouble instanceof Trouble ? trouble.code : 'internal',
        );
        if (isProtocolError(error) && message.method === 'HEAD' && !origin.resetAfterHead) {
          origin.resetAfterHead = true;
          continue;
        }
        if (isBrokenConnection(error) && again++ === 0) continue;
        throw trouble;
      }
      operation.remainingMs -= performance.now() - startedAt;
      this.#report(operation.registry, message, origin, startedAt, answer.status);
      if (message.ownLimits === true) return answer;
      if (answer.status === 429 || answer.status === 503) {
        const limited = await this.#limited(operation, pace, answer);
        if (limited) continue;
      } else {
        pace.refusals = 0;
        const waitMs = exhaustedFor(answer.headers, answer.receivedAt);
        if (waitMs !== null) await this.#heedRemaining(operation.registry, pace, waitMs);
      }
      return answer;
    }
  }

  /** Holds the registry back for a short while, or halts it and throws; false where the answer is no rate limit. */
  async #limited(operation: Operation, pace: Pace, answer: Answer): Promise<boolean> {
    const { retry, now, throttle } = this.#options;
    const named = namedRetryTime(answer, now());
    if (answer.status === 503 && named === null) return false;
    const waitMs = named === null ? retry.sleepMs : named.getTime() - now().getTime();
    if (waitMs <= SHORT_WAIT_MS && ++pace.refusals <= retry.maxOnRateLimit) {
      pace.holdUntil = Math.max(pace.holdUntil, now().getTime() + Math.max(LEAST_WAIT_MS, waitMs));
      return true;
    }
    pace.refusals = 0;
    const haltMs = Math.max(waitMs, named === null || waitMs <= SHORT_WAIT_MS ? retry.cooldownMs : 0);
    const retryAt = new Date(now().getTime() + haltMs);
    const said = answer.status === 429 ? '429 Too Many Requests' : '503 Service Unavailable';
    await throttle.halt(operation.registry, retryAt, `the registry answered ${said}`);
    const code = answer.status === 429 ? 'throttled' : 'server-error';
    throw new Trouble(code, `the registry answered ${said}; not asked again before ${retryAt.toISOString()}`, {
      retryAt,
    });
  }

  /** What was just answered was the last for now: asking on would only be refused. */
  async #heedRemaining(registry: string, pace: Pace, waitMs: number): Promise<void> {
    const { now, throttle } = this.#options;
    const until = now().getTime() + waitMs;
    if (waitMs <= SHORT_WAIT_MS) pace.holdUntil = Math.max(pace.holdUntil, until);
    else await throttle.halt(registry, new Date(until), 'the registry says that no requests are left for now');
  }

  async #sitOut(pace: Pace, signal: AbortSignal | undefined): Promise<void> {
    while (pace.holdUntil !== 0) {
      const until = pace.holdUntil;
      // Not all at the same moment.
      const jitter = Math.random() * LEAST_WAIT_MS;
      await pause(Math.max(0, until - this.#options.now().getTime()) + jitter, signal);
      if (pace.holdUntil === until) pace.holdUntil = 0;
    }
  }

  #report(registry: string, message: Message, origin: Origin, startedAt: number, result: number | FailureCode): void {
    const { onRequest } = this.#options;
    if (onRequest === undefined) return;
    const info: RequestInfo = {
      purpose: message.purpose,
      method: message.method,
      host: origin.host,
      status: typeof result === 'number' ? result : null,
      milliseconds: performance.now() - startedAt,
    };
    if (typeof result === 'string') info.failure = result;
    onRequest(registry, info);
  }
}
