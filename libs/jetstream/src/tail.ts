import type { NatsConnection } from '@nats-io/transport-node';
import { readStream, type StoredMessage } from './reader.ts';
import { streamState } from './streams.ts';

/**
 * A stream held in memory as its reader sees it: the last message of each subject first, then every new one. Subclasses
 * keep what they need in `apply`.
 */
export abstract class Tail {
  readonly #nc: NatsConnection;
  readonly #stream: string;
  readonly #stop = new AbortController();
  readonly #waiting: { sequence: number; resolve: () => void }[] = [];
  #sequence = 0;
  #running: Promise<void> | null = null;
  #failure: Error | null = null;

  protected constructor(nc: NatsConnection, stream: string) {
    this.#nc = nc;
    this.#stream = stream;
  }

  /** Takes in one message; must not throw. */
  protected abstract apply(message: StoredMessage): void;

  /** Sequence of the newest message that was taken in. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Why the tail stopped for good; null while it runs. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** Starts reading; resolves when everything that the stream held at the call is taken in. */
  async start(): Promise<void> {
    this.#running ??= this.#run();
    await this.catchUp();
  }

  /** Asks the stream for its last sequence and waits until the tail has reached it; returns that sequence. */
  async catchUp(signal?: AbortSignal): Promise<number> {
    const { lastSequence } = await streamState(this.#nc, this.#stream);
    await this.waitFor(lastSequence, signal);
    return lastSequence;
  }

  /** Resolves when the tail has taken in the sequence; rejects when the signal says stop or the tail has failed. */
  async waitFor(sequence: number, signal?: AbortSignal): Promise<void> {
    if (this.#sequence >= sequence) return;
    if (this.#failure !== null) throw this.#failure;
    await new Promise<void>((resolve, reject) => {
      const entry = {
        sequence,
        resolve: (): void => {
          signal?.removeEventListener('abort', onAbort);
          if (this.#failure === null) resolve();
          else reject(this.#failure);
        },
      };
      const onAbort = (): void => {
        const at = this.#waiting.indexOf(entry);
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(new Error(`gave up waiting for sequence ${sequence} of ${this.#stream}`));
      };
      if (signal?.aborted === true)
        return reject(new Error(`gave up waiting for sequence ${sequence} of ${this.#stream}`));
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(entry);
    });
  }

  /** Ends the reading. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      const options = { stream: this.#stream, after: 0, lastOfEachSubject: true, signal: this.#stop.signal };
      for await (const message of readStream(this.#nc, options)) {
        this.apply(message);
        this.#sequence = message.sequence;
        if (this.#waiting.length > 0) this.#wake();
      }
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      for (const entry of this.#waiting.splice(0)) entry.resolve();
    }
  }

  #wake(): void {
    for (let i = this.#waiting.length - 1; i >= 0; i--) {
      const entry = this.#waiting[i];
      if (entry !== undefined && entry.sequence <= this.#sequence) {
        this.#waiting.splice(i, 1);
        entry.resolve();
      }
    }
  }
}
