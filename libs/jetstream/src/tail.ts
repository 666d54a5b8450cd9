import type { NatsConnection } from '@nats-io/transport-node';
import { isPassing } from './failures.ts';
import { readStream, type StoredMessage } from './reader.ts';
import { streamState, type StreamSummary } from './streams.ts';
import { pause } from './waiting.ts';

const RETRY_MS = 500;
/** How often it is looked whether the stream is still the one that was read. */
const CHECK_MS = 10_000;

interface Waiter {
  sequence: number;
  resolve: () => void;
  reject: (error: Error) => void;
}

/**
 * A stream held in memory as its reader sees it: the last message of each subject first, then every new one. Subclasses
 * keep what they need in `apply`.
 */
export abstract class Tail {
  readonly #nc: NatsConnection;
  readonly #stream: string;
  readonly #stop = new AbortController();
  readonly #waiting = new Set<Waiter>();
  #sequence = 0;
  #asked: Promise<StreamSummary> | null = null;
  #askedNext: Promise<StreamSummary> | null = null;
  #running: Promise<void> | null = null;
  #failure: Error | null = null;
  /** Epoch ms at which the stream was made; null before it was asked. */
  #created: number | null = null;
  readonly #end = Promise.withResolvers<null>();

  protected constructor(nc: NatsConnection, stream: string) {
    this.#nc = nc;
    this.#stream = stream;
    // Who does not ask for the end must not fall over it.
    this.#end.promise.catch(() => undefined);
  }

  /** Takes in one message; must not throw. */
  protected abstract apply(message: StoredMessage): void;

  /** Sequence of the newest message that was taken in. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Why the tail ended by itself, for good; null while it runs and when it was stopped. */
  get failure(): Error | null {
    return this.#failure;
  }

  /**
   * Resolves when the tail was stopped; rejects when it failed. What it holds is no longer kept up then, and may be about
   * another stream: nothing but a new start mends that.
   */
  get ended(): Promise<unknown> {
    return this.#end.promise;
  }

  /** Starts reading; resolves when everything that the stream held at the call is taken in. Waits for a server that is away. */
  async start(): Promise<void> {
    this.#running ??= this.#run();
    for (;;) {
      try {
        await this.catchUp(this.#stop.signal);
        return;
      } catch (error) {
        if (this.#ended() !== null || !isPassing(error)) throw error;
        await pause(RETRY_MS, this.#stop.signal);
      }
    }
  }

  /** Asks the stream for its last sequence and waits until the tail has reached it; returns that sequence. */
  async catchUp(signal?: AbortSignal): Promise<number> {
    const { firstSequence, lastSequence } = await this.#stateFromNowOn();
    // Of a stream whose messages have all expired, the last sequence will never be delivered.
    if (firstSequence <= lastSequence) await this.waitFor(lastSequence, signal);
    return lastSequence;
  }

  /** Resolves when the tail has taken in the sequence; rejects when the signal says stop or the tail has ended. */
  async waitFor(sequence: number, signal?: AbortSignal): Promise<void> {
    if (this.#sequence >= sequence) return;
    const ended = this.#ended();
    if (ended !== null) throw ended;
    const waiter = Promise.withResolvers<null>();
    const entry: Waiter = { sequence, resolve: () => waiter.resolve(null), reject: waiter.reject };
    const giveUp = (): void =>
      waiter.reject(
        new Error(`gave up waiting for sequence ${sequence} of ${this.#stream}`, { cause: signal?.reason }),
      );
    if (signal?.aborted === true) giveUp();
    signal?.addEventListener('abort', giveUp, { once: true });
    this.#waiting.add(entry);
    try {
      await waiter.promise;
    } finally {
      this.#waiting.delete(entry);
      signal?.removeEventListener('abort', giveUp);
    }
  }

  /** Ends the reading; who still waits is told so. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#rejectAll();
    await this.#running;
  }

  /**
   * The stream's state, asked for after the call. Those who call while a question is under way share the next one: busy
   * services catch up all the time.
   */
  #stateFromNowOn(): Promise<StreamSummary> {
    if (this.#asked === null) return this.#askState();
    this.#askedNext ??= this.#asked.then(
      () => this.#askState(),
      () => this.#askState(),
    );
    return this.#askedNext;
  }

  #askState(): Promise<StreamSummary> {
    this.#askedNext = null;
    // Taken before the question: what is appended meanwhile may be taken in before the answer.
    const before = this.#sequence;
    this.#asked = streamState(this.#nc, this.#stream)
      .then((state) => this.#checked(state, before))
      .finally(() => {
        if (this.#askedNext === null) this.#asked = null;
      });
    return this.#asked;
  }

  /** A reader goes on in whatever bears the stream's name, but what it took in before would be about events that are lost. */
  #checked(state: StreamSummary, before: number): StreamSummary {
    const created = state.created.getTime();
    this.#created ??= created;
    let what: string | null = null;
    if (created !== this.#created) what = `was made anew at ${state.created.toISOString()}`;
    else if (state.lastSequence < before) what = `ends at ${state.lastSequence}, and ${before} was read from it`;
    if (what !== null) this.#fail(new Error(`the stream ${this.#stream} is not the one that was read: it ${what}`));
    if (this.#failure !== null) throw this.#failure;
    return state;
  }

  async #check(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await pause(CHECK_MS, signal);
      // A server that is away is no news, and a stream that is gone ends the reading.
      if (!signal.aborted) await this.#stateFromNowOn().catch(() => undefined);
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    void this.#check();
    try {
      const options = { stream: this.#stream, after: 0, lastOfEachSubject: true, signal };
      for await (const message of readStream(this.#nc, options)) {
        this.apply(message);
        this.#sequence = message.sequence;
        if (this.#waiting.size > 0) this.#wake();
      }
      if (!signal.aborted) this.#fail(new Error(`the tail of ${this.#stream} ended: the connection is closed`));
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
    this.#rejectAll();
    if (this.#failure === null) this.#end.resolve(null);
    else this.#end.reject(this.#failure);
  }

  #wake(): void {
    for (const entry of this.#waiting) if (entry.sequence <= this.#sequence) entry.resolve();
  }

  /** Nobody may wait for what will never come. */
  #rejectAll(): void {
    const reason = this.#ended();
    if (reason !== null) for (const entry of this.#waiting) entry.reject(reason);
  }

  #ended(): Error | null {
    if (this.#failure !== null) return this.#failure;
    return this.#stop.signal.aborted ? new Error(`the tail of ${this.#stream} was stopped`) : null;
  }
}
