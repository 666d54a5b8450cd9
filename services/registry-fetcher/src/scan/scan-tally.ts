import type { FailureCode } from '@dtm/events';

/** What one scan has learned so far beyond the digests themselves. */
export class ScanTally {
  /** Requests to the registry and its token service. */
  requests = 0;
  /** Events appended. */
  changes = 0;
  /** Tags that pointed to a digest. */
  readonly alive = new Set<string>();
  /** Tags that were not there, and since when. */
  readonly missing = new Map<string, Date>();
  /** Tags that gave no answer that can be recorded. */
  readonly failures = new Map<string, { code: FailureCode; reason: string }>();
  /** When the registry may be asked again, where it is halted. */
  retryAt: Date | null = null;
}
