/** What is known of a tag's being watched; the first that holds. */
export const TAG_STATES = ['untracked', 'gone', 'expired', 'unreachable', 'pending', 'inactive', 'active'] as const;
export type TagState = (typeof TAG_STATES)[number];

/** Columns that a list of tags can be sorted by. */
export const TAG_SORTS = ['changes', 'lastChangedAt', 'trackedSince', 'registry', 'repository', 'tag'] as const;
export type TagSort = (typeof TAG_SORTS)[number];

export const SORT_ORDERS = ['asc', 'desc'] as const;
export type SortOrder = (typeof SORT_ORDERS)[number];

/** Who or what asked for a tag to be tracked. */
export type TrackedBy = 'person' | 'view' | 'popular' | 'new-tag' | 'import';

/** A part of a list. */
export interface Page<T> {
  items: T[];
  /** Entries in the whole list; omitted where counting them would be dear. */
  total?: number;
  /** This page's number, from 1; omitted where a cursor was given. */
  page?: number;
  /** Number of pages; omitted with `total`. */
  pages?: number;
  /** Opaque cursor of the next page; null on the last. */
  next: string | null;
}

/** One tag as lists show it. Times are RFC 3339 in UTC. */
export interface TagSummary {
  /** Canonical: `docker.io/library/nginx:latest`. */
  reference: string;
  registry: string;
  repository: string;
  tag: string;
  state: TagState;
  /** When it was first tracked; null for a tag known from an import alone. */
  trackedSince: string | null;
  trackedBy: TrackedBy | null;
  /** What it points to, as last observed; null before the first observation and while it is gone. */
  digest: string | null;
  /** `os/architecture[/variant]`; empty where not known. */
  platforms: string[];
  /** When a scan last covered it; null before the first. */
  lastScannedAt: string | null;
  /** When a change was last observed; null where none was. */
  lastChangedAt: string | null;
  /** When it was last pushed and who says so (`registry`: the registry's API; `image`: build date in the image config); null where unknown. */
  lastPushedAt: { at: string; source: string } | null;
  /** Changes observed or imported; the baseline is none. */
  changeCount: number;
  /** Changes in each of the last 12 months (UTC), oldest first. */
  sparkline: number[];
  /** Why the last scan failed, in words, while the state is `unreachable`; null otherwise, and where nobody said why. */
  failure: string | null;
}

/** How often a tag changes. */
export interface Cadence {
  changes30d: number;
  changes90d: number;
  changes365d: number;
  /** Seconds; null before the second change. */
  medianGapSeconds: number | null;
  /** Seconds; null before the second change. */
  longestGapSeconds: number | null;
  /** When the record of it begins (its baseline); null before. */
  watchedSince: string | null;
}

/** How well a tag was watched. */
export interface Coverage {
  /** First observation of it here, which imported history may precede; null before. */
  since: string | null;
  /** Times of the last 60 days in which no scan answered for two intervals or more. */
  recentGaps: { from: string; to: string }[];
}

export interface TagDetails extends TagSummary {
  cadence: Cadence;
  coverage: Coverage;
  /** When it is due next; null where nothing plans it or the scheduler does not answer. */
  nextScanAt: string | null;
  /** Why then, in words; null with `nextScanAt` unless the words explain why there is none. */
  nextScanReason: string | null;
}

/** What a change was: the first digest seen, another digest, the tag's disappearance, or its return with the same digest. */
export const CHANGE_KINDS = ['baseline', 'change', 'disappearance', 'return'] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** One entry of a tag's history: it happened after `notBefore` and not later than `observedAt`. */
export interface Change {
  /** Sequence in the stream HISTORY, also of imports. */
  sequence: number;
  /** Null for a disappearance. */
  digest: string | null;
  /** Null for a baseline. */
  previousDigest: string | null;
  /** Null for a baseline. */
  notBefore: string | null;
  observedAt: string;
  /** When the registry says that it was pushed. */
  pushedAt: string | null;
  /** How it is known: `head`, `get`, or the name of an import. */
  source: string;
  kind: ChangeKind;
}

export const FREQUENCY_INTERVALS = ['week', 'month'] as const;
export type FrequencyInterval = (typeof FREQUENCY_INTERVALS)[number];

/** Changes per ISO week or calendar month, UTC, oldest first, empty ones included. */
export interface Frequency {
  interval: FrequencyInterval;
  buckets: {
    /** First instant of the bucket. */
    start: string;
    changes: number;
  }[];
}
