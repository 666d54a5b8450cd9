/** How long a batch waits for more. */
export interface Linger {
  /** At most, after its first message, while little arrives: somebody may be waiting for just this one. */
  lingerMs: number;
  /** The same while much arrives: fewer, larger transactions. */
  busyLingerMs: number;
  /** The same while nothing arrives but scans that found everything as it was: nobody waits for these. */
  unchangedLingerMs: number;
}

/** With longer pauses than this between messages, on average, little arrives. */
const BUSY_BELOW_MS = 100;
/** Each message moves the average by such a share. */
const WEIGHT = 1 / 16;
/** So many average pauses without a message, but no longer than this, and the burst is over: somebody waits for its end. */
const PAUSES = 8;
const LONGEST_PAUSE_MS = 100;
/** The same while nobody waits. Scans of a slow registry come in clumps, which are one burst. */
const UNCHANGED_PAUSES = 12;
const LONGEST_UNCHANGED_PAUSE_MS = 500;
/** Repositories whose scans follow one another are one burst too. */
const SHORTEST_PAUSE_MS = 60;
/** So long without a message is a silence: what was before it says nothing about what comes. */
const SILENCE_MS = 500;

/** How fast messages arrive, and what follows for the size of batches. Times are those of one monotonic clock, in ms. */
export class ArrivalPace {
  readonly #linger: Linger;
  #lastAt = -Infinity;
  #averagePause = SILENCE_MS;

  constructor(linger: Linger) {
    this.#linger = linger;
  }

  /** Notes a message. */
  arrived(at: number): void {
    const pause = Math.min(at - this.#lastAt, SILENCE_MS);
    this.#lastAt = at;
    // The first pause behind a silence is all that is known: scans that come one by one are told from one that comes alone.
    if (pause === SILENCE_MS || this.#averagePause === SILENCE_MS) this.#averagePause = pause;
    else this.#averagePause += (pause - this.#averagePause) * WEIGHT;
  }

  /** Until when a batch waits whose first message was taken up at `began`; `urgent` unless it is unchanged scans alone. */
  waitsUntil(began: number, urgent: boolean): number {
    const { lingerMs, busyLingerMs, unchangedLingerMs } = this.#linger;
    if (this.#averagePause > BUSY_BELOW_MS) return began + lingerMs;
    const pauses = this.#averagePause * (urgent ? PAUSES : UNCHANGED_PAUSES);
    const longest = urgent ? LONGEST_PAUSE_MS : LONGEST_UNCHANGED_PAUSE_MS;
    const pause = Math.min(Math.max(pauses, SHORTEST_PAUSE_MS), longest);
    return Math.min(began + (urgent ? busyLingerMs : unchangedLingerMs), this.#lastAt + pause);
  }
}
