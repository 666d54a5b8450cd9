import type { FailureCode } from '@dtm/events';

/** What a scan knows of one tag in the end. `sequence` names the history event it was compared with, 0 where there is none. */
export type TagOutcome =
  /** Registry and record agree; `sentAt` is when the request that showed it was sent. */
  | { kind: 'agreed'; sequence: number; sentAt: Date; gone: boolean }
  /** Not there, and not recorded as gone; since the first such answer. */
  | { kind: 'missing'; sequence: number; since: Date }
  | { kind: 'failed'; code: FailureCode; reason: string };

/** What one scan has learned so far. A tag without an outcome was not asked, or its answer came too late to be compared. */
export class ScanTally {
  /** Requests to the registry and its token service. */
  requests = 0;
  /** Events appended. */
  changes = 0;
  /** When the registry may be asked again, where it is halted. */
  retryAt: Date | null = null;
  readonly outcomes = new Map<string, TagOutcome>();
  /** Tags that the last answer showed to be there: witnesses that the registry knows the repository. */
  readonly living = new Set<string>();

  /** Whether any tag was answered. */
  get hasAnswers(): boolean {
    for (const { kind } of this.outcomes.values()) if (kind !== 'failed') return true;
    return false;
  }

  /** The first failure; null where there is none. */
  get failure(): (TagOutcome & { kind: 'failed' }) | null {
    for (const outcome of this.outcomes.values()) if (outcome.kind === 'failed') return outcome;
    return null;
  }
}
