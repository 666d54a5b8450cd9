/**
 * The questions that the api asks of the read models, one method each. Times are Date, digests and references canonical
 * strings. Implemented in `queries/`, one folder or file a question.
 */
export interface ReadModel {
  /** A page of tags. */
  listTags(question: ListTags): Promise<{ rows: TagRow[]; total: number }>;
  /** One tag; null where nothing is known of it. Without `asOf`: now, and no tag is `inactive`. */
  findTag(reference: string, asOf?: AsOf): Promise<TagRow | null>;
  /** A page of a tag's history, newest first, imports merged in; empty for an unknown tag. */
  listChanges(question: ListChanges): Promise<{ rows: ChangeRow[]; total: number }>;
  /** A tag with its cadence and coverage, asked at once; null where nothing is known of it. `since` as in `ListChanges`. */
  detailTag(
    reference: string,
    asOf: AsOf,
    since: Date | null,
  ): Promise<{ tag: TagRow; description: TagDescription } | null>;
  /** Cadence and coverage alone; null for an unknown one. */
  describeTag(reference: string, now: Date, since: Date | null): Promise<TagDescription | null>;
  /** Changes per bucket between two instants, empty buckets included, plus the baseline's time. */
  countChanges(question: CountChanges): Promise<{ start: Date; changes: number }[]>;
  /** Which of a repository's tags are tracked. */
  trackedTags(registry: string, repository: string): Promise<Set<string>>;
  /** Which of these canonical references are tracked. */
  trackedAmong(references: string[]): Promise<Set<string>>;
  /** Scans per day (UTC), oldest first, days without any as zero. */
  scanDays(days: number, now: Date): Promise<ScanDayRow[]>;
  /** Counts of the whole record and per registry. */
  status(now: Date): Promise<StatusRow>;
  /** How far each stream is projected. */
  checkpoints(): Promise<{ stream: string; sequence: number; at: Date | null }[]>;
  /**
   * Rows of history with a sequence greater than this, ascending, at most `limit`, and how far that reads the record: what
   * Server-Sent Events resume from. Imports and what the timeline has already are left out.
   */
  nextChanges(sequence: number, limit: number, reference: string | null): Promise<NextChanges>;
  /** The newest history sequence that is projected; 0 before the first. */
  lastChangeSequence(): Promise<number>;
  /**
   * References of all tags on record in the order in which they came, a part at a time: those of the numbers from `first`
   * (1 is the oldest tag) to `last`. Numbers never change, and none is given twice.
   */
  tagReferences(first: number, last: number): Promise<{ reference: string; lastChangedAt: Date | null }[]>;
  /** The whole history, in order of sequence, streamed in batches. */
  exportChanges(): AsyncIterable<LiveChangeRow[]>;
}

export type TagStateName = 'untracked' | 'gone' | 'expired' | 'unreachable' | 'pending' | 'inactive' | 'active';
export type TagSortName = 'changes' | 'lastChangedAt' | 'trackedSince' | 'registry' | 'repository' | 'tag';

export interface ListTags {
  /** Substring of registry, repository or tag; `[registry/]repository[:tag]` narrows each part. Null: all. */
  q: string | null;
  state: TagStateName | null;
  sort: TagSortName;
  order: 'asc' | 'desc';
  limit: number;
  /** Rows to pass over. */
  offset: number;
  now: Date;
  /** Tags whose last push or change (the later) is before this are `inactive`, except `latest` and those of unknown age. */
  inactiveBefore: Date;
}

/** What a tag's state and sparkline are reckoned against. */
export interface AsOf {
  now: Date;
  /** As in `ListTags`. */
  inactiveBefore: Date;
}

export interface TagRow {
  reference: string;
  registry: string;
  repository: string;
  tag: string;
  state: TagStateName;
  trackedSince: Date | null;
  trackedBy: string | null;
  digest: string | null;
  platforms: string[];
  lastScannedAt: Date | null;
  lastChangedAt: Date | null;
  lastPushedAt: Date | null;
  /** `registry` or `image`; null with `lastPushedAt`. */
  lastPushedSource: string | null;
  changeCount: number;
  /** 12 numbers, oldest month first, the current month last. */
  sparkline: number[];
  /** Words of the last failure, where the state is `unreachable`. */
  failure: string | null;
}

export interface ListChanges {
  reference: string;
  limit: number;
  offset: number;
  /** Changes observed before it are left out, but never the newest; null: none is. */
  since: Date | null;
}

export interface ChangeRow {
  sequence: number;
  digest: string | null;
  previousDigest: string | null;
  notBefore: Date | null;
  observedAt: Date;
  pushedAt: Date | null;
  source: string;
  kind: 'baseline' | 'change' | 'disappearance' | 'return';
}

export interface LiveChangeRow extends ChangeRow {
  reference: string;
}

export interface NextChanges {
  rows: LiveChangeRow[];
  /** There is nothing else to tell up to this sequence. Less than what was asked for, where the record does not reach it. */
  upTo: number;
}

export interface TagDescription {
  changes30d: number;
  changes90d: number;
  changes365d: number;
  /** Of the newest 1,000 changes. */
  medianGapSeconds: number | null;
  /** Of the newest 1,000 changes. */
  longestGapSeconds: number | null;
  /** Time of the baseline. */
  watchedSince: Date | null;
  /** First observation of it here; imported history is from before. */
  coveredSince: Date | null;
  recentGaps: { from: Date; to: Date }[];
}

export interface CountChanges {
  reference: string;
  interval: 'week' | 'month';
  /** Null: from the baseline's bucket. */
  from: Date | null;
  /** Null: to the current bucket. */
  to: Date | null;
  now: Date;
  /** As in `ListChanges`: changes observed before it are not counted; null: all are. */
  since: Date | null;
  /** Newest buckets that are kept. */
  maxBuckets: number;
}

export interface ScanDayRow {
  /** `2026-11-22` */
  day: string;
  succeeded: number;
  failed: number;
  averageDurationSeconds: number;
  requests: number;
}

export interface StatusRow {
  tags: number;
  tracked: number;
  repositories: number;
  changes: number;
  /** How many have anything on record. */
  registriesOnRecord: number;
  /** Those that have something tracked. */
  registries: {
    registry: string;
    tags: number;
    repositories: number;
    requests24h: number;
    observations24h: number;
  }[];
}
