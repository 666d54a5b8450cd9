import type { FailureCode } from '@dtm/events';
import type { Answer, Decision } from './decide.ts';
import type { TagAnswer } from './registry-reader.ts';

/** What a scan knows of one tag in the end. `sequence` names the history event it was compared with, 0 where there is none. */
export type TagOutcome =
  /**
   * Registry and record agree; `sentAt` is when the request that showed it was sent. `listed`: an API's list said so, which is a
   * hint; the registry itself was not asked.
   */
  | { kind: 'agreed'; sequence: number; sentAt: Date; gone: boolean; listed?: true }
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
  /** Tags that the registry's own last answer showed to be there: witnesses that the registry knows the repository. */
  readonly living = new Set<string>();

  /** Notes what the registry's own answer means, compared with the event of that sequence. What is to be appended counts once it is. */
  noteDecision(tag: string, decision: Decision, answer: Answer, sequence: number): void {
    if (answer.outcome === 'present') this.living.add(tag);
    else this.living.delete(tag);
    switch (decision.kind) {
      case 'unchanged':
        this.outcomes.set(tag, {
          kind: 'agreed',
          sequence,
          sentAt: answer.sentAt,
          gone: answer.outcome === 'absent',
        });
        break;
      case 'missing':
      case 'disappeared':
        this.outcomes.set(tag, { kind: 'missing', sequence, since: decision.since });
        break;
      case 'observed':
        this.outcomes.delete(tag);
    }
  }

  /** A halted registry is no failure of the tag: it was not asked for. */
  noteFailure({ tag, code, reason, retryAt }: TagAnswer & { kind: 'failure' }, now: Date): void {
    this.living.delete(tag);
    if (code === 'throttled') {
      this.outcomes.delete(tag);
      this.retryAt = retryAt ?? now;
    } else {
      this.outcomes.set(tag, { kind: 'failed', code, reason });
    }
  }

  /** Whether any tag was answered. */
  get hasAnswers(): boolean {
    for (const { kind } of this.outcomes.values()) if (kind !== 'failed') return true;
    return false;
  }

  /** Whether the registry agrees with the record about any tag: that it is there, or that it is gone. */
  get hasAgreements(): boolean {
    for (const { kind } of this.outcomes.values()) if (kind === 'agreed') return true;
    return false;
  }

  /** The first failure; null where there is none. */
  get failure(): (TagOutcome & { kind: 'failed' }) | null {
    for (const outcome of this.outcomes.values()) if (outcome.kind === 'failed') return outcome;
    return null;
  }
}
