import { RegistryFailure } from './failure.ts';
import type { Throttle } from './throttle.ts';

interface Waiter {
  resolve: () => void;
  reject: (reason: Error) => void;
}

interface Bucket {
  tokens: number;
  filledAt: number;
  halt: { until: number; reason: string } | null;
  waiting: Waiter[];
  timer: NodeJS.Timeout | null;
}

/** A token bucket per registry inside this process: for tests, tools and queries that share their rate with nobody. */
export class LocalThrottle implements Throttle {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #buckets = new Map<string, Bucket>();

  /** `burst` requests may be sent at once after a pause; by default one second's worth. */
  constructor(options: { requestsPerSecond: number; burst?: number }) {
    if (!(options.requestsPerSecond > 0)) throw new Error('LocalThrottle: requestsPerSecond must be above 0');
    this.#perSecond = options.requestsPerSecond;
    this.#burst = Math.max(1, options.burst ?? options.requestsPerSecond);
  }

  async acquire(registry: string, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const bucket = this.#bucket(registry);
    const halted = this.#haltOf(registry, bucket);
    if (halted !== null) throw halted;
    this.#fill(bucket);
    if (bucket.waiting.length === 0 && bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return;
    }
    await this.#wait(bucket, signal);
  }

  halt(registry: string, until: Date, reason: string): Promise<void> {
    const bucket = this.#bucket(registry);
    if (bucket.halt === null || until.getTime() > bucket.halt.until) bucket.halt = { until: until.getTime(), reason };
    const halted = this.#haltOf(registry, bucket);
    if (halted !== null) for (const waiter of bucket.waiting.splice(0)) waiter.reject(halted);
    return Promise.resolve();
  }

  #bucket(registry: string): Bucket {
    let bucket = this.#buckets.get(registry);
    if (bucket === undefined) {
      bucket = { tokens: this.#burst, filledAt: performance.now(), halt: null, waiting: [], timer: null };
      this.#buckets.set(registry, bucket);
    }
    return bucket;
  }

  #haltOf(registry: string, bucket: Bucket): RegistryFailure | null {
    if (bucket.halt === null) return null;
    if (bucket.halt.until <= Date.now()) {
      bucket.halt = null;
      return null;
    }
    const retryAt = new Date(bucket.halt.until);
    return new RegistryFailure({
      code: 'throttled',
      operation: 'ask',
      reference: registry,
      reason: `${bucket.halt.reason}; not asked again before ${retryAt.toISOString()}`,
      retryAt,
      requests: 0,
    });
  }

  #fill(bucket: Bucket): void {
    const now = performance.now();
    bucket.tokens = Math.min(this.#burst, bucket.tokens + ((now - bucket.filledAt) / 1000) * this.#perSecond);
    bucket.filledAt = now;
  }

  #wait(bucket: Bucket, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        bucket.waiting = bucket.waiting.filter((other) => other !== waiter);
        reject(signal?.reason as Error);
      };
      const waiter: Waiter = {
        resolve: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
        reject: (reason) => {
          signal?.removeEventListener('abort', onAbort);
          reject(reason);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      bucket.waiting.push(waiter);
      this.#schedule(bucket);
    });
  }

  #schedule(bucket: Bucket): void {
    if (bucket.timer !== null || bucket.waiting.length === 0) return;
    const milliseconds = Math.max(1, ((1 - bucket.tokens) / this.#perSecond) * 1000);
    bucket.timer = setTimeout(() => {
      bucket.timer = null;
      this.#fill(bucket);
      while (bucket.tokens >= 1) {
        const waiter = bucket.waiting.shift();
        if (waiter === undefined) break;
        bucket.tokens -= 1;
        waiter.resolve();
      }
      this.#schedule(bucket);
    }, milliseconds);
  }
}
