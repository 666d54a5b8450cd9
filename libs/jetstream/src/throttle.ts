import { escapePart } from '@dtm/events';
import { Kvm, type KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { isWrongSequence } from './append.ts';
import { BUCKETS } from './streams.ts';

/** How a registry is throttled at present, across all fetchers together. */
export interface ThrottleState {
  registry: string;
  /** Requests per second that it is asked at most at present; at most the configured rate. */
  rate: number;
  /** RFC 3339; null where it is not halted. */
  haltedUntil: string | null;
  lastError: { at: string; message: string } | null;
}

/** `granted` 0 with a time: nothing may be sent before it. */
export interface Lease {
  granted: number;
  /** When to ask again, where less was granted than asked. */
  retryAt: Date;
  /** Whether the registry itself asked for the wait. */
  halted: boolean;
}

/** What asks: scans leave a share of the budget to questions that a person waits for. */
export type LeasePurpose = 'scan' | 'question';

interface Stored extends ThrottleState {
  /** Requests that may be sent at once; below zero where questions went ahead of scans. */
  tokens: number;
  /** Epoch ms at which `tokens` and `rate` were true. */
  at: number;
}

/** Share of a second's requests that may go out at once; the rest is spaced, so that no second sees much more than the rate. */
const BURST_SHARE = 0.1;
/** Room for timers that fire late: without it their lateness would be lost for good. */
const LEAST_BURST = 1.5;
/** Share of a second's requests by which questions, for which a person waits, may go ahead of scans. */
const QUESTION_SHARE = 0.2;
/** A rate that was cut is back after at most so many seconds. */
const RECOVERY_SECONDS = 300;
const LOWEST_RATE = 0.1;
const CAS_ATTEMPTS = 100;

/**
 * KV THROTTLE: one budget of requests a second for each registry, leased by compare-and-swap, so that all fetchers
 * together keep it; halts and cuts (additive increase, multiplicative decrease) hold for all of them too.
 */
export class ThrottleBook {
  readonly #kv: KV;
  readonly #rateOf: (registry: string) => number;
  readonly #now: () => Date;

  private constructor(kv: KV, rateOf: (registry: string) => number, now: () => Date) {
    this.#kv = kv;
    this.#rateOf = rateOf;
    this.#now = now;
  }

  static async open(
    nc: NatsConnection,
    rateOf: (registry: string) => number,
    now: () => Date = (): Date => new Date(),
  ): Promise<ThrottleBook> {
    return new ThrottleBook(await new Kvm(nc).open(BUCKETS.throttle), rateOf, now);
  }

  /** Takes up to `wanted` requests out of the present budget. */
  async lease(registry: string, wanted: number, purpose: LeasePurpose): Promise<Lease> {
    return this.#change<Lease>(registry, (state, now) => {
      if (state.haltedUntil !== null && Date.parse(state.haltedUntil) > now.getTime()) {
        return { keep: true, result: { granted: 0, retryAt: new Date(state.haltedUntil), halted: true } };
      }
      const ahead = purpose === 'question' ? Math.max(1, state.rate * QUESTION_SHARE) : 0;
      const granted = Math.max(0, Math.min(wanted, Math.floor(state.tokens + ahead)));
      state.tokens -= granted;
      const waitMs = Math.max(1, ((1 - state.tokens - ahead) / state.rate) * 1000);
      return { keep: granted === 0, result: { granted, retryAt: new Date(now.getTime() + waitMs), halted: false } };
    });
  }

  /** Halts the registry until the time it named and halves its rate. */
  async halt(registry: string, until: Date, reason: string): Promise<void> {
    await this.#change(registry, (state, now) => {
      const already = state.haltedUntil === null ? 0 : Date.parse(state.haltedUntil);
      // Requests that were under way together get the same answer: they are one occasion, and cut the rate once.
      if (already <= now.getTime())
        state.rate = Math.max(state.rate / 2, Math.min(LOWEST_RATE, this.#rateOf(registry)));
      state.tokens = Math.min(state.tokens, 0);
      state.at = Math.max(now.getTime(), until.getTime());
      state.haltedUntil = new Date(Math.max(already, until.getTime())).toISOString();
      state.lastError = { at: now.toISOString(), message: reason };
      return { keep: false, result: undefined };
    });
  }

  /** Notes what last went wrong with a registry, for the status page. */
  async noteError(registry: string, message: string): Promise<void> {
    await this.#change(registry, (state, now) => {
      state.lastError = { at: now.toISOString(), message };
      return { keep: false, result: undefined };
    });
  }

  async #change<T>(registry: string, change: (state: Stored, now: Date) => { keep: boolean; result: T }): Promise<T> {
    const key = escapePart(registry);
    for (let attempt = 1; ; attempt++) {
      const now = this.#now();
      const entry = await this.#kv.get(key);
      const stored = entry?.operation === 'PUT' ? entry.json<Stored>() : null;
      const state = refresh(stored ?? fresh(registry, this.#rateOf(registry), now), this.#rateOf(registry), now);
      const { keep, result } = change(state, now);
      if (keep) return result;
      try {
        await this.#kv.put(key, JSON.stringify(state), { previousSeq: entry?.revision ?? 0 });
        return result;
      } catch (error) {
        if (!isWrongSequence(error) || attempt >= CAS_ATTEMPTS) throw error;
      }
    }
  }
}

/** Reads how every registry is throttled. */
export async function readThrottles(nc: NatsConnection): Promise<ThrottleState[]> {
  const kv = await new Kvm(nc).open(BUCKETS.throttle);
  const states: ThrottleState[] = [];
  for await (const key of await kv.keys()) {
    const entry = await kv.get(key);
    if (entry?.operation !== 'PUT') continue;
    const { registry, rate, haltedUntil, lastError } = entry.json<Stored>();
    const halted = haltedUntil !== null && Date.parse(haltedUntil) > Date.now();
    states.push({ registry, rate, haltedUntil: halted ? haltedUntil : null, lastError });
  }
  return states;
}

function fresh(registry: string, rate: number, now: Date): Stored {
  return { registry, rate, haltedUntil: null, lastError: null, tokens: burst(rate), at: now.getTime() };
}

/** Brings a stored state to the present. A clock that lags behind another fetcher's finds nothing to add. */
function refresh(state: Stored, ceiling: number, now: Date): Stored {
  const seconds = (now.getTime() - state.at) / 1000;
  if (seconds > 0) {
    state.tokens = Math.min(burst(state.rate), state.tokens + state.rate * seconds);
    state.rate = Math.min(ceiling, state.rate + (ceiling * seconds) / RECOVERY_SECONDS);
    state.at = now.getTime();
  }
  state.rate = Math.min(state.rate, ceiling);
  return state;
}

function burst(rate: number): number {
  return Math.max(LEAST_BURST, rate * BURST_SHARE);
}
