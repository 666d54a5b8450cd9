import { escapePart } from '@dtm/events';
import { Kvm, type KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { isWrongSequence } from './failures.ts';
import { putValue } from './put-value.ts';
import { BUCKETS } from './streams.ts';
import {
  fresh,
  grantQuestions,
  grantScans,
  isHalted,
  present,
  storedIn,
  untilQuestion,
  type StoredThrottle,
  type ThrottleState,
} from './throttle-state.ts';

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

interface Known {
  /** Null where nothing is stored that can be used. */
  stored: StoredThrottle | null;
  /** 0 where nothing is stored. */
  revision: number;
}

/** What became of a change: `write` false leaves the bucket as it is. */
interface Change<T> {
  write: boolean;
  result: T;
}

const LOWEST_RATE = 0.1;
/** Answers to requests that were under way together come within it: they are one occasion to cut the rate. */
const ONE_OCCASION_MS = 2_000;
const CAS_ATTEMPTS = 100;
/** Registries whose entries are remembered; that of one more replaces the one that was written longest ago. */
const MAX_KNOWN = 2_000;

/**
 * KV THROTTLE: one budget of requests a second for each registry, leased by compare-and-swap, so that all fetchers
 * together keep it; halts and cuts (additive increase, multiplicative decrease) hold for all of them too.
 */
export class ThrottleBook {
  readonly #nc: NatsConnection;
  readonly #kv: KV;
  readonly #rateOf: (registry: string) => number;
  readonly #now: () => Date;
  /** What the bucket held last, as far as this process knows: saves the read where no other fetcher wrote since. */
  readonly #known = new Map<string, Known>();
  readonly #turns = new Map<string, Promise<void>>();

  private constructor(nc: NatsConnection, kv: KV, rateOf: (registry: string) => number, now: () => Date) {
    this.#nc = nc;
    this.#kv = kv;
    this.#rateOf = rateOf;
    this.#now = now;
  }

  static async open(
    nc: NatsConnection,
    rateOf: (registry: string) => number,
    now: () => Date = (): Date => new Date(),
  ): Promise<ThrottleBook> {
    return new ThrottleBook(nc, await new Kvm(nc).open(BUCKETS.throttle), rateOf, now);
  }

  /** Registries that this process holds anything of. */
  get size(): number {
    return new Set([...this.#known.keys(), ...this.#turns.keys()]).size;
  }

  /** Takes up to `wanted` requests out of the present budget. */
  async lease(registry: string, wanted: number, purpose: LeasePurpose): Promise<Lease> {
    return this.#inTurn<Lease>(registry, (state, now) => {
      if (isHalted(state, now)) {
        return { write: false, result: { granted: 0, retryAt: new Date(state.haltedUntil), halted: true } };
      }
      const granted = purpose === 'question' ? grantQuestions(state, wanted) : grantScans(state, wanted);
      const seconds = purpose === 'question' ? untilQuestion(state) : (1 - state.tokens) / state.rate;
      // Rounded up: a millisecond too early would only ask once more.
      const retryAt = new Date(now.getTime() + Math.max(1, Math.ceil(seconds * 1000)));
      return { write: granted > 0, result: { granted, retryAt, halted: false } };
    });
  }

  /** Halts the registry until the time it named and halves its rate, once for all requests that were under way. */
  async halt(registry: string, until: Date, reason: string): Promise<void> {
    await this.#inTurn(registry, (state, now) => {
      const sameOccasion = isHalted(state, now) || now.getTime() - state.cutAt < ONE_OCCASION_MS;
      if (!sameOccasion) {
        state.rate = Math.max(state.rate / 2, Math.min(LOWEST_RATE, state.ceiling));
        state.cutAt = now.getTime();
      }
      const already = state.haltedUntil === null ? 0 : Date.parse(state.haltedUntil);
      const haltedUntil = Math.max(already, until.getTime());
      state.tokens = Math.min(state.tokens, 0);
      state.at = Math.max(now.getTime(), haltedUntil);
      state.haltedUntil = new Date(haltedUntil).toISOString();
      state.lastError = { at: now.toISOString(), message: reason };
      return { write: true, result: undefined };
    });
  }

  /** Notes what last went wrong with a registry, for the status page. */
  async noteError(registry: string, message: string): Promise<void> {
    await this.#inTurn(registry, (state, now) => {
      state.lastError = { at: now.toISOString(), message };
      return { write: true, result: undefined };
    });
  }

  /** One change of a registry's state after another: those of one process need not lose against one another. */
  async #inTurn<T>(registry: string, change: (state: StoredThrottle, now: Date) => Change<T>): Promise<T> {
    const key = escapePart(registry);
    const turn = (this.#turns.get(key) ?? Promise.resolve()).then(() => this.#change(registry, key, change));
    const ended: Promise<void> = turn.then(
      () => this.#endTurn(key, ended),
      () => this.#endTurn(key, ended),
    );
    this.#turns.set(key, ended);
    return turn;
  }

  /** Whoever was the last in a registry's queue ends it. */
  #endTurn(key: string, turn: Promise<void>): void {
    if (this.#turns.get(key) === turn) this.#turns.delete(key);
  }

  async #change<T>(registry: string, key: string, change: (state: StoredThrottle, now: Date) => Change<T>): Promise<T> {
    const ceiling = this.#rateOf(registry);
    for (let attempt = 1; ; attempt++) {
      const remembered = this.#known.get(key);
      const known = remembered ?? (await this.#read(key));
      const now = this.#now();
      const state = present(known.stored ?? fresh(registry, ceiling, now), ceiling, now);
      const { write, result } = change(state, now);
      if (!write) {
        // Others can only have taken more: a "no" that was remembered is a "no". But a halt may have been lifted by hand.
        if (remembered === undefined || !isHalted(state, now)) return result;
        this.#known.delete(key);
        continue;
      }
      // Whatever happens to the write: what was remembered is not known to be true after it.
      this.#known.delete(key);
      try {
        const revision = await putValue(this.#nc, BUCKETS.throttle, key, JSON.stringify(state), known.revision);
        this.#remember(key, { stored: state, revision });
        return result;
      } catch (error) {
        if (isWrongSequence(error) && attempt < CAS_ATTEMPTS) continue;
        throw new Error(`could not write the throttle of ${registry}`, { cause: error });
      }
    }
  }

  async #read(key: string): Promise<Known> {
    const entry = await this.#kv.get(key);
    const known = { stored: storedIn(entry), revision: entry?.revision ?? 0 };
    this.#remember(key, known);
    return known;
  }

  /** What is forgotten is read again: a halt is kept in the bucket. */
  #remember(key: string, known: Known): void {
    this.#known.delete(key);
    this.#known.set(key, known);
    if (this.#known.size <= MAX_KNOWN) return;
    const [longestAgo] = this.#known.keys();
    if (longestAgo !== undefined) this.#known.delete(longestAgo);
  }
}

/** Reads how registries are throttled at present; one that was not throttled yet, or not for days, is left out. */
export async function readThrottles(
  nc: NatsConnection,
  registries: readonly string[],
  now = new Date(),
): Promise<ThrottleState[]> {
  const kv = await new Kvm(nc).open(BUCKETS.throttle);
  const states: ThrottleState[] = [];
  for (const entry of await Promise.all(registries.map(async (registry) => kv.get(escapePart(registry))))) {
    const stored = storedIn(entry);
    if (stored === null) continue;
    // A cut rate comes back with time, also where nothing was written since.
    const state = present(stored, stored.ceiling, now);
    const { registry, rate, haltedUntil, lastError } = state;
    states.push({ registry, rate, haltedUntil: isHalted(state, now) ? haltedUntil : null, lastError });
  }
  return states;
}
