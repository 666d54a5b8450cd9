/** One event of a tag, live or imported, as its own chain tells it. */
export interface RecordedEntry {
  sequence: number;
  imported: boolean;
  observedAt: Date;
  /** Null for a disappearance. */
  digest: string | null;
  /** What its own chain told before; null for the first. `gone`: the tag was, and the digest is the last one before. */
  previous: { digest: string; gone: boolean; lastSeenAt: Date } | null;
}

/** What an event is in the merged timeline. */
export interface MergedEntry {
  sequence: number;
  observedAt: Date;
  kind: 'baseline' | 'change' | 'disappearance' | 'return';
  /** False where it only repeats what the entry before it told. */
  shown: boolean;
  previousDigest: string | null;
  notBefore: Date | null;
}

/** What a timeline tells up to some entry: all that the entries behind it depend on. */
export interface TimelineState {
  /** Null before the first entry; of a tag that is gone, the last one before. */
  digest: string | null;
  gone: boolean;
  /** When an entry last told of this state. */
  confirmedAt: Date | null;
}

const BEGINNING: TimelineState = { digest: null, gone: false, confirmedAt: null };

/**
 * Merges live and imported events of one tag into one timeline by time: equal neighbours collapse, and a change lies
 * between the last time that either side knew the old state and the first time that either saw the new one. `state`: where
 * the entries go on from, which must lie before all of them.
 */
export function mergeTimeline(entries: readonly RecordedEntry[], state: TimelineState = BEGINNING): MergedEntry[] {
  return entries.toSorted(byTime).map((entry) => {
    const merged = mergeEntry(entry, stateBefore(entry, state));
    state = {
      digest: entry.digest ?? merged.previousDigest,
      gone: entry.digest === null,
      confirmedAt: entry.observedAt,
    };
    return merged;
  });
}

/**
 * What was known right before an entry. The registry's own answer outweighs what an import said until then: where it still
 * told the old state afterwards, the tag had returned to it, though no entry says when. Imports only tighten the bounds.
 */
function stateBefore({ imported, previous }: RecordedEntry, state: TimelineState): TimelineState {
  if (previous === null || (state.confirmedAt !== null && previous.lastSeenAt <= state.confirmedAt)) return state;
  const { digest, gone, lastSeenAt } = previous;
  return imported || state.digest === null
    ? { ...state, confirmedAt: lastSeenAt }
    : { digest, gone, confirmedAt: lastSeenAt };
}

function mergeEntry({ sequence, observedAt, digest, previous }: RecordedEntry, state: TimelineState): MergedEntry {
  const entryOf = (kind: MergedEntry['kind'], shown = true): MergedEntry => ({
    sequence,
    observedAt,
    kind,
    shown,
    previousDigest: state.digest ?? previous?.digest ?? null,
    notBefore: state.confirmedAt,
  });
  if (digest === null) return entryOf('disappearance', !state.gone);
  if (state.digest === null) return { ...entryOf('baseline'), previousDigest: null, notBefore: null };
  if (state.digest !== digest) return entryOf('change');
  return entryOf('return', state.gone);
}

/** At the same instant in the order of the stream, as lists have it too. */
function byTime(a: RecordedEntry, b: RecordedEntry): number {
  return a.observedAt.getTime() - b.observedAt.getTime() || a.sequence - b.sequence;
}
