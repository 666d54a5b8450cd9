import type { Dispatcher, Pool } from 'undici';

/** POST only asks as well: no request changes anything at a registry. */
export type Method = 'HEAD' | 'GET' | 'POST';

export type Headers = NonNullable<Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>[2]>;

/** Bytes that are read of an answer that is no success: enough for an error message. */
const ERROR_BODY_BYTES = 16 * 1024;
const NO_BODY = Buffer.alloc(0);

export interface WireRequest {
  method: Method;
  path: string;
  /** Names and values in turn. */
  headers: string[];
  /** Sent with POST. */
  body?: string | undefined;
  /** Bytes of body that are accepted of a success. */
  maxBody: number;
  /** Milliseconds until the answer must be complete. */
  timeoutMs: number;
  signal: AbortSignal | undefined;
  /** Close the connection after this request; only for servers that send a body after HEAD. */
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
    const handler = new Exchange(request, now, resolve, reject);
    pool.dispatch(
      {
        method: request.method,
        path: request.path,
        headers: request.headers,
        ...(request.body === undefined ? {} : { body: request.body }),
        // Unless this is false, undici closes the connection after every HEAD.
        reset: request.reset,
      },
      handler,
    );
  });
}

const UNDER_WAY = new WeakMap<AbortSignal, Set<Exchange>>();

class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: WireRequest;
  readonly #now: () => Date;
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (reason: Error) => void;
  readonly #timer: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | null = null;
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
    this.#timer = setTimeout(timedOut, Math.max(1, request.timeoutMs), this);
    if (request.signal !== undefined) endedBy(request.signal).add(this);
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
    clearTimeout(this.#timer);
    if (this.#request.signal !== undefined) endedBy(this.#request.signal).delete(this);
  }
}

/**
 * The exchanges under way that a signal ends, behind one listener for all of them: a service hands the same signal to each
 * of its requests, and a listener of its own for each costs half as much again as the whole exchange.
 */
function endedBy(signal: AbortSignal): Set<Exchange> {
  const known = UNDER_WAY.get(signal);
  if (known !== undefined) return known;
  const exchanges = new Set<Exchange>();
  UNDER_WAY.set(signal, exchanges);
  const endAll = (): void => {
    for (const exchange of [...exchanges]) exchange.give(signal.reason as Error);
  };
  signal.addEventListener('abort', endAll, { once: true });
  return exchanges;
}

function timedOut(exchange: Exchange): void {
  exchange.give(new ExchangeTimeout('no complete answer in time'));
}

/** A header that must occur once: its value, undefined where it is absent or repeated. */
export function single(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
