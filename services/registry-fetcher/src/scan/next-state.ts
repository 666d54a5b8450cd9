import type { HistoryHead, TagScanState } from '@dtm/jetstream';
import type { TagOutcome } from './scan-tally.ts';

/** What the next scan is to know of all tracked tags. */
export function nextStates(
  tracked: Iterable<string>,
  outcomes: ReadonlyMap<string, TagOutcome>,
  before: ReadonlyMap<string, TagScanState>,
  head: (tag: string) => HistoryHead | null,
): Map<string, TagScanState> {
  const next = new Map<string, TagScanState>();
  for (const tag of tracked) {
    const state = nextState(outcomes.get(tag), before.get(tag) ?? null, () => head(tag));
    if (state !== null) next.set(tag, state);
  }
  return next;
}

/** What the next scan is to know of a tag; null where there is nothing to remember. */
export function nextState(
  outcome: TagOutcome | undefined,
  before: TagScanState | null,
  head: () => HistoryHead | null,
): TagScanState | null {
  if (outcome === undefined || outcome.kind === 'failed') return before;
  const { sequence } = outcome;
  const seenBefore = before?.sequence === sequence ? before.lastSeenAt : null;
  if (outcome.kind === 'agreed') {
    // Of a scan by another fetcher, which ended while this one ran.
    const lastSeenAt = seenBefore !== null && seenBefore > outcome.sentAt ? seenBefore : outcome.sentAt;
    // A list may name for hours what the registry no longer has.
    const missing = outcome.listed === true && before?.sequence === sequence ? before.missingSince : null;
    return { sequence, lastSeenAt, missingSince: missing !== null && missing >= outcome.sentAt ? missing : null };
  }
  // Missing confirms nothing: what was confirmed last stays, the record's own time where nothing is known.
  return { sequence, lastSeenAt: seenBefore ?? head()?.observedAt ?? outcome.since, missingSince: outcome.since };
}
