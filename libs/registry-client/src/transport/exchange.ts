import type { Dispatcher, Pool } from 'undici';

/** POST only asks as well: no request changes anything at a registry. */
export type Method = 'HEAD' | 'GET' | 'POST';

export type Headers = NonNullable<Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>[2]>;

/** Bytes that are read of an answer that is no success: enough for an error message. */
const ERROR_BODY_BYTES = 16 * 1024;
const NO_BODY = Buffer.alloc(0);

/** What undici's `dispatch` takes, and more: one object for both, as there is one for each observed tag. */
export interface WireRequest {
  method: Method;
  path: string;
  /** Names and values in turn. */
  headers: string[];
  /** Sent with POST; otherwise null. */
  body: string | null;
  /** Bytes of body that are accepted of a success. */
  maxBody: number;
  /** When the answer must be complete, by `performance.now()`. */
  deadline: number;
  signal: AbortSignal | undefined;
  /** Close the connection after this request, which undici does after every HEAD unless this is false. */
  reset: boolean;
}

export interface Answer {
  status: number;
  headers: Headers;
  /** Raw bytes; of an answer that is no success only the first 16 KiB. */
  body: Buffer;
  /** When the request was written to its connection. */
  sentAt: Date;
  /** When the answer's headers had arrived. */
  receivedAt: Date;
}

/** The answer took longer than it may. */
export class ExchangeTimeout extends Error {
  override readonly name = 'ExchangeTimeout';
}

/** The body was larger than it may be; reading stopped there and the connection was closed. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
}

/**
 * Sends one request and collects its answer. Rejects with what undici or the connector report, `ExchangeTimeout`,
 * `BodyTooLarge`, or the signal's reason. Uses `dispatch` since it runs once per observed tag: `Pool.request` and `fetch`
 * build a stream for a body that HEAD never has.
 */
export function exchange(pool: Pool, request: WireRequest, now: () => Date): Promise<Answer> {
  return new Promise((resolve, reject) => {
    pool.dispatch(request, new Exchange(request, now, resolve, reject));
  });
}

/** All exchanges under way, each of which knows its place. A set that so much goes through is made anew all the time. */
const OPEN: Exchange[] = [];
/** How often it is looked whether one of them has run out of time. */
const LOOK_MS = 100;
let look: NodeJS.Timeout | null = null;
/** Signals that are listened to already. */
const HEARD = new WeakSet<AbortSignal>();

class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: WireRequest;
  readonly #now: () => Date;
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (reason: Error) => void;
  #controller: Dispatcher.DispatchController | null = null;
  #place: number;
  #settled = false;
  #sentAt: Date | null = null;
  #receivedAt: Date | null = null;
  #status = 0;
  #headers: Headers = {};
  #chunks: Buffer[] | null = null;
  #size = 0;

  constructor(
    request: WireRequest,
    now: () => Date,
    resolve: (answer: Answer) => void,
    reject: (reason: Error) => void,
  ) {
    this.#request = request;
    this.#now = now;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#place = OPEN.push(this) - 1;
    look ??= setTimeout(lookForLate, LOOK_MS);
    if (request.signal !== undefined && !HEARD.has(request.signal)) listenTo(request.signal);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // While it waited for a connection its time ran out: what nobody waits for is not sent.
    if (this.#settled) {
      controller.abort(new Error('nobody waits for this request'));
      return;
    }
    this.#controller = controller;
    this.#sentAt = this.#now();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    if (status < 200) return;
    this.#receivedAt = this.#now();
    this.#status = status;
    this.#headers = headers;
    const length = Number(headers['content-length']);
    if (this.#request.method !== 'HEAD' && this.#succeeds && length > this.#request.maxBody) this.#tooLarge();
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return;
    this.#size += chunk.length;
    if (this.#succeeds && this.#size > this.#request.maxBody) {
      this.#tooLarge();
      return;
    }
    (this.#chunks ??= []).push(chunk);
    if (!this.#succeeds && this.#size > ERROR_BODY_BYTES) {
      this.#settle();
      this.#controller?.abort(new Error('the rest of an error answer is not read'));
    }
  }

  onResponseEnd(): void {
    this.#settle();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.give(error);
  }

  /** Ends with an error; the connection is closed where the request is under way. */
  give(error: Error): void {
    if (this.#settled) return;
    this.#finish();
    this.#reject(error);
    this.#controller?.abort(error);
  }

  get deadline(): number {
    return this.#request.deadline;
  }

  get signal(): AbortSignal | undefined {
    return this.#request.signal;
  }

  get #succeeds(): boolean {
    return this.#status >= 200 && this.#status < 300;
  }

  #tooLarge(): void {
    this.give(new BodyTooLarge(`more than ${this.#request.maxBody} bytes`));
  }

  #settle(): void {
    if (this.#settled) return;
    this.#finish();
    const chunks = this.#chunks;
    this.#resolve({
      status: this.#status,
      headers: this.#headers,
      body: chunks === null ? NO_BODY : chunks.length === 1 ? (chunks[0] ?? NO_BODY) : Buffer.concat(chunks),
      sentAt: this.#sentAt ?? this.#now(),
      receivedAt: this.#receivedAt ?? this.#now(),
    });
  }

  #finish(): void {
    this.#settled = true;
    const last = OPEN.pop();
    if (last === undefined || last === this) return;
    OPEN[this.#place] = last;
    last.#place = this.#place;
  }
}

/**
 * One listener for all exchanges that a signal ends: a service hands the same signal to each of its requests, and a listener
 * of its own for each costs half as much again as the whole exchange.
 */
function listenTo(signal: AbortSignal): void {
  HEARD.add(signal);
  const endAll = (): void => {
    for (const exchange of [...OPEN]) if (exchange.signal === signal) exchange.give(signal.reason as Error);
  };
  signal.addEventListener('abort', endAll, { once: true });
}

/** One timer for all: of the thousands a second hardly any ever runs out of time. */
function lookForLate(): void {
  const now = performance.now();
  for (const exchange of [...OPEN]) {
    if (exchange.deadline <= now) exchange.give(new ExchangeTimeout('no complete answer in time'));
  }
  look = OPEN.length === 0 ? null : setTimeout(lookForLate, LOOK_MS);
}

/** A header that must occur once: its value, undefined where it is absent or repeated. */
export function single(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
