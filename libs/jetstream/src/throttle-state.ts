import type { KvEntry } from '@nats-io/kv';

/** How a registry is throttled at present, across all fetchers together. */
export interface ThrottleState {
  registry: string;
  /** Requests per second that it is asked at most at present; at most the configured rate. */
  rate: number;
  /** RFC 3339; null where it is not halted. */
  haltedUntil: string | null;
  lastError: { at: string; message: string } | null;
}

/** As it is kept in KV THROTTLE. */
export interface StoredThrottle extends ThrottleState {
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
type OlderThrottle = Omit<StoredThrottle, 'ceiling' | 'cutAt' | 'ahead'> &
  Partial<Pick<StoredThrottle, 'ceiling' | 'cutAt' | 'ahead'>>;

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
/** Ten tenths are a little less than one. */
const ROUNDING = 1e-9;

/** Of a registry of which nothing is stored, or no longer: it has the whole of its budget. */
export function fresh(registry: string, rate: number, now: Date): StoredThrottle {
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
export function storedIn(entry: KvEntry | null): StoredThrottle | null {
  if (entry?.operation !== 'PUT') return null;
  try {
    const stored = entry.json<OlderThrottle>();
    const numbers = [stored.rate, stored.tokens, stored.at];
    if (!numbers.every(Number.isFinite) || stored.rate <= 0) return null;
    const { rate, ceiling = rate, cutAt = 0, ahead = mostAhead(rate) } = stored;
    return { ...stored, ceiling, cutAt, ahead };
  } catch {
    return null;
  }
}

/** Whether the registry wants to be left alone. */
export function isHalted(state: StoredThrottle, now: Date): state is StoredThrottle & { haltedUntil: string } {
  return state.haltedUntil !== null && Date.parse(state.haltedUntil) > now.getTime();
}

/** A stored state brought to the present. A clock that lags behind another fetcher's finds nothing to add. */
export function present(stored: StoredThrottle, ceiling: number, now: Date): StoredThrottle {
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

/** Takes for scans what is there. */
export function grantScans(state: StoredThrottle, wanted: number): number {
  const granted = whole(wanted, state.tokens);
  state.tokens -= granted;
  return granted;
}

/**
 * Takes for questions from their own share first, also where nothing is left for scans. Beyond it only from a budget that is
 * full: a scan that waits takes its token before that, so however many questions come, scans get the rest of the rate.
 */
export function grantQuestions(state: StoredThrottle, wanted: number): number {
  const own = whole(wanted, state.ahead);
  state.ahead -= own;
  const left = own < wanted && isFull(state) ? whole(wanted - own, state.tokens - own) : 0;
  state.tokens -= own + left;
  return own + left;
}

/** Seconds until a question may be granted: out of its own share, or of a full budget. */
export function untilQuestion({ tokens, ahead, rate }: StoredThrottle): number {
  return Math.min((1 - ahead) / (rate * QUESTION_SHARE), (burst(rate) - tokens) / rate);
}

function isFull({ tokens, rate }: StoredThrottle): boolean {
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
