import { escapePart } from '@dtm/events';
import { Kvm, type KV, type KvEntry } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { isWrongSequence } from './failures.ts';
import { putValue } from './put-value.ts';
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
  /** The configured rate, to which a cut one comes back. */
  ceiling: number;
  /** Requests that may be sent at once; below zero where questions went ahead of scans. */
  tokens: number;
  /** Requests by which questions may go ahead of scans. */
  ahead: number;
  /** Epoch ms at which `tokens` and `rate` were true. */
  at: number;
  /** Epoch ms of the last cut of the rate; 0 where there was none. */
  cutAt: number;
}

/** As an older version may have written it. */
type OlderStored = Omit<Stored, 'ceiling' | 'cutAt' | 'ahead'> & Partial<Pick<Stored, 'ceiling' | 'cutAt' | 'ahead'>>;

interface Known {
  /** Null where nothing is stored that can be used. */
  stored: Stored | null;
  /** 0 where nothing is stored. */
  revision: number;
}

/** What became of a change: `write` false leaves the bucket as it is. */
interface Change<T> {
  write: boolean;
  result: T;
}

/** Share of a second's requests that may go out at once; the rest is spaced, so that no second sees much more than the rate. */
const BURST_SHARE = 0.1;
/** Room for timers that fire late: without it their lateness would be lost for good. */
const LEAST_BURST = 1.5;
/**
 * Questions, for which a person waits, may go ahead of scans with this share of the rate, and by this share of a second's
 * requests at once. Beyond it they get what scans leave.
 */
const QUESTION_SHARE = 0.2;
/** A rate that was cut is back after at most so many seconds. */
const RECOVERY_SECONDS = 300;
const LOWEST_RATE = 0.1;
/** Answers to requests that were under way together come within it: they are one occasion to cut the rate. */
const ONE_OCCASION_MS = 2_000;
const CAS_ATTEMPTS = 100;
/** Ten tenths are a little less than one. */
const ROUNDING = 1e-9;

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
  readonly #turns = new Map<string, Promise<unknown>>();

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
  async #inTurn<T>(registry: string, change: (state: Stored, now: Date) => Change<T>): Promise<T> {
    const turn = (this.#turns.get(registry) ?? Promise.resolve()).then(() => this.#change(registry, change));
    this.#turns.set(
      registry,
      turn.catch(() => undefined),
    );
    return turn;
  }

  async #change<T>(registry: string, change: (state: Stored, now: Date) => Change<T>): Promise<T> {
    const key = escapePart(registry);
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
        this.#known.set(key, { stored: state, revision });
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
    this.#known.set(key, known);
    return known;
  }
}

/** Reads how every registry is throttled at present. */
export async function readThrottles(nc: NatsConnection, now = new Date()): Promise<ThrottleState[]> {
  const kv = await new Kvm(nc).open(BUCKETS.throttle);
  const keys: string[] = [];
  for await (const key of await kv.keys()) keys.push(key);
  const states: ThrottleState[] = [];
  for (const entry of await Promise.all(keys.map(async (key) => kv.get(key)))) {
    const stored = storedIn(entry);
    if (stored === null) continue;
    // A cut rate comes back with time, also where nothing was written since.
    const state = present(stored, stored.ceiling, now);
    const { registry, rate, haltedUntil, lastError } = state;
    states.push({ registry, rate, haltedUntil: isHalted(state, now) ? haltedUntil : null, lastError });
  }
  return states;
}

function fresh(registry: string, rate: number, now: Date): Stored {
  const [tokens, ahead] = [burst(rate), mostAhead(rate)];
  return {
    registry,
    rate,
    ceiling: rate,
    haltedUntil: null,
    lastError: null,
    tokens,
    ahead,
    at: now.getTime(),
    cutAt: 0,
  };
}

/** Null for what no version of this program wrote: the throttle then starts at the configured rate. */
function storedIn(entry: KvEntry | null): Stored | null {
  if (entry?.operation !== 'PUT') return null;
  try {
    const stored = entry.json<OlderStored>();
    const numbers = [stored.rate, stored.tokens, stored.at];
    if (!numbers.every(Number.isFinite) || stored.rate <= 0) return null;
    const { rate, ceiling = rate, cutAt = 0, ahead = mostAhead(rate) } = stored;
    return { ...stored, ceiling, cutAt, ahead };
  } catch {
    return null;
  }
}

function isHalted(state: Stored, now: Date): state is Stored & { haltedUntil: string } {
  return state.haltedUntil !== null && Date.parse(state.haltedUntil) > now.getTime();
}

/** A stored state brought to the present. A clock that lags behind another fetcher's finds nothing to add. */
function present(stored: Stored, ceiling: number, now: Date): Stored {
  const state = { ...stored, ceiling, rate: Math.min(stored.rate, ceiling) };
  const seconds = (now.getTime() - state.at) / 1000;
  if (seconds > 0) {
    state.tokens = Math.min(burst(state.rate), state.tokens + state.rate * seconds);
    state.ahead = Math.min(mostAhead(state.rate), state.ahead + state.rate * QUESTION_SHARE * seconds);
    state.rate = Math.min(ceiling, state.rate + (ceiling * seconds) / RECOVERY_SECONDS);
    state.at = now.getTime();
  }
  return state;
}

/** Takes what is there. */
function grantScans(state: Stored, wanted: number): number {
  const granted = whole(wanted, state.tokens);
  state.tokens -= granted;
  return granted;
}

/**
 * Takes from the questions' own share first, also where nothing is left for scans. Beyond it only from a budget that is
 * full: a scan that waits takes its token before that, so however many questions come, scans get the rest of the rate.
 */
function grantQuestions(state: Stored, wanted: number): number {
  const own = whole(wanted, state.ahead);
  state.ahead -= own;
  const left = own < wanted && isFull(state) ? whole(wanted - own, state.tokens - own) : 0;
  state.tokens -= own + left;
  return own + left;
}

/** Seconds until a question may be granted: out of its own share, or of a full budget. */
function untilQuestion({ tokens, ahead, rate }: Stored): number {
  return Math.min((1 - ahead) / (rate * QUESTION_SHARE), (burst(rate) - tokens) / rate);
}

function isFull({ tokens, rate }: Stored): boolean {
  return tokens + ROUNDING >= burst(rate);
}

function whole(wanted: number, there: number): number {
  return Math.max(0, Math.min(wanted, Math.floor(there + ROUNDING)));
}

function burst(rate: number): number {
  return Math.max(LEAST_BURST, rate * BURST_SHARE);
}

function mostAhead(rate: number): number {
  return Math.max(1, rate * QUESTION_SHARE);
}
