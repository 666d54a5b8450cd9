import { createHash } from 'node:crypto';
import type { ScanReason } from '@dtm/events';

/** How often to look. */
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
  /** TRACKING was known to the last scan up to this sequence. */
  trackingSequence: number;
}

/** A repository as the schedule sees it. */
export interface Candidate {
  /** Spreads repositories evenly over the interval; 0 to 1, always the same for one repository. */
  phase: number;
  /** Sequence in TRACKING of its tag that was asked for last. */
  newestTag: number;
  past: ScanPast;
  /** When a person asked for a scan; null where nobody did since the last. */
  askedAt: Date | null;
}

/** When a repository is due, and why then. */
export interface Due {
  at: Date;
  reason: ScanReason;
  /** Names the occasion: two schedulers that find the same thing name it alike. */
  slot: string;
}

/** Decides when a repository is scanned next. Pure; `now` decides nothing but what is overdue. */
export function nextScan(candidate: Candidate, cadence: Cadence, now: Date): Due {
  const { past, newestTag, askedAt, phase } = candidate;
  if (past.lastStartedAt === null || newestTag > past.trackingSequence) {
    return { at: new Date(0), reason: 'new-tag', slot: `tag-${newestTag}` };
  }
  if (askedAt !== null && askedAt > past.lastStartedAt) {
    return { at: askedAt, reason: 'person', slot: `asked-${askedAt.getTime()}` };
  }
  const last = slotOf(past.lastStartedAt, phase, cadence.intervalMs);
  const current = slotOf(now, phase, cadence.intervalMs);
  const at = startOfSlot(last + 1, phase, cadence.intervalMs);
  const missed = current > last + 1;
  return { at, reason: missed ? 'catch-up' : 'interval', slot: `${Math.max(current, last + 1)}` };
}

/**
 * From when on quiet tags are left out of a scan that begins now; null where they are due too: at the first scan in each
 * rare interval, so that a missed one is made up for by the next.
 */
export function skipQuietSince(candidate: Candidate, cadence: Cadence, now: Date, reason: ScanReason): Date | null {
  const { lastSucceededAt } = candidate.past;
  if (reason === 'person' || lastSucceededAt === null) return null;
  const phase = candidate.phase;
  const rare = cadence.rareIntervalMs;
  if (slotOf(lastSucceededAt, phase, rare) !== slotOf(now, phase, rare)) return null;
  return new Date(now.getTime() - cadence.quietAfterMs);
}

/** When a quiet tag is due next. */
export function nextRareScan(candidate: Candidate, cadence: Cadence): Date | null {
  const { lastSucceededAt } = candidate.past;
  if (lastSucceededAt === null) return null;
  const next = slotOf(lastSucceededAt, candidate.phase, cadence.rareIntervalMs) + 1;
  return startOfSlot(next, candidate.phase, cadence.rareIntervalMs);
}

/** A repository's place in the interval: from its name, so that every scheduler gives it the same. */
export function phaseOf(key: string): number {
  return createHash('sha256').update(key).digest().readUInt32BE(0) / 2 ** 32;
}

function slotOf(at: Date, phase: number, lengthMs: number): number {
  return Math.floor(at.getTime() / lengthMs - phase);
}

function startOfSlot(slot: number, phase: number, lengthMs: number): Date {
  return new Date(Math.ceil((slot + phase) * lengthMs));
}
