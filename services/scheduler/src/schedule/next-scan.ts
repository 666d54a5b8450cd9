import { createHash } from 'node:crypto';
import type { ScanReason } from '@dtm/events';

/** How often to look. All in whole milliseconds. */
export interface Cadence {
  /** Each repository once in it. */
  intervalMs: number;
  /** Quiet tags of a repository once in it. */
  rareIntervalMs: number;
  /** A tag is quiet when its last push and last change are older. */
  quietAfterMs: number;
}

/** What is known of a repository's scans. */
export interface ScanPast {
  /** When the last scan began, however it ended; null before the first. */
  lastStartedAt: Date | null;
  /** When the last one that gave an answer began. */
  lastSucceededAt: Date | null;
  /** When the last one that a person had asked for began: only those leave out no quiet tag. */
  lastForPersonAt: Date | null;
  /** TRACKING was known to the last scan up to this sequence. */
  trackingSequence: number;
}

/** A repository as the schedule sees it. */
export interface Candidate {
  /** Spreads repositories evenly over the interval; from 0 to below 1, always the same for one repository. */
  phase: number;
  /** Sequence in TRACKING of its tag that was asked for last. */
  newestTag: number;
  past: ScanPast;
  /** When a person asked for a scan last; null where nobody did. */
  askedAt: Date | null;
}

/** When a repository is due, and why then. */
export interface Due {
  at: Date;
  reason: ScanReason;
  /** Names the occasion: two schedulers that find the same thing name it alike. */
  slot: string;
}

/** Decides when a repository is scanned next. Pure; `at` does not depend on `now`, which only tells whether a slot was missed. */
export function nextScan(candidate: Candidate, cadence: Cadence, now: Date): Due {
  const { past, newestTag, askedAt, phase } = candidate;
  if (past.lastStartedAt === null || newestTag > past.trackingSequence) {
    return { at: new Date(0), reason: 'new-tag', slot: `tag-${newestTag}` };
  }
  if (askedAt !== null && (past.lastForPersonAt === null || past.lastForPersonAt < askedAt)) {
    return { at: askedAt, reason: 'person', slot: `asked-${askedAt.getTime()}` };
  }
  const slots = new Slots(phase, cadence.intervalMs);
  const next = slots.of(past.lastStartedAt) + 1;
  const at = slots.start(next);
  const current = slots.of(now);
  return { at, reason: current > next ? 'catch-up' : 'interval', slot: `${Math.max(current, next)}` };
}

/** Which tags a scan leaves out. */
export interface QuietTags {
  /** Those with neither push nor change since then. */
  since: Date;
  /** In a scan that begins then or later they are due: it may wait in the queue for hours. */
  until: Date;
}

/**
 * The quiet tags that a scan asked for now leaves out; null where they are due too: at the first scan in each rare
 * interval, so that a missed one is made up for by the next.
 */
export function skipQuiet(candidate: Candidate, cadence: Cadence, now: Date, reason: ScanReason): QuietTags | null {
  const { lastSucceededAt } = candidate.past;
  if (reason === 'person' || lastSucceededAt === null) return null;
  const rare = new Slots(candidate.phase, cadence.rareIntervalMs);
  const current = rare.of(now);
  if (rare.of(lastSucceededAt) !== current) return null;
  return { since: new Date(now.getTime() - cadence.quietAfterMs), until: rare.start(current + 1) };
}

/** When a quiet tag is due next: at the first scan of its repository in the next rare interval. */
export function nextRareScan(candidate: Candidate, cadence: Cadence): Date | null {
  const { lastSucceededAt } = candidate.past;
  if (lastSucceededAt === null) return null;
  const rare = new Slots(candidate.phase, cadence.rareIntervalMs);
  const slots = new Slots(candidate.phase, cadence.intervalMs);
  const from = rare.start(rare.of(lastSucceededAt) + 1);
  const slot = slots.of(from);
  const start = slots.start(slot);
  return start < from ? slots.start(slot + 1) : start;
}

/** A repository's place in the interval: from its name, so that every scheduler gives it the same. */
export function phaseOf(key: string): number {
  return createHash('sha256').update(key).digest().readUInt32BE(0) / 2 ** 32;
}

/** Time cut into intervals of one length. In whole milliseconds, so that a slot's start lies in that slot. */
class Slots {
  readonly #lengthMs: number;
  readonly #offsetMs: number;

  constructor(phase: number, lengthMs: number) {
    this.#lengthMs = lengthMs;
    this.#offsetMs = Math.floor(phase * lengthMs);
  }

  of(at: Date): number {
    return Math.floor((at.getTime() - this.#offsetMs) / this.#lengthMs);
  }

  start(slot: number): Date {
    return new Date(slot * this.#lengthMs + this.#offsetMs);
  }
}
