import type { RepositoryName, Reference } from '@dtm/oci';

/** One fact from a source: from some time on, a tag pointed to a digest, or was gone. */
export interface ImportedRow {
  reference: Reference;
  /** Null: the tag was gone. */
  digest: string | null;
  /** When the source saw it: the change happened not later. */
  observedAt: Date;
  /** When the source last saw the state before; null where it does not say. */
  notBefore: Date | null;
  /** Empty where the source does not say. */
  mediaType: string;
  /** When the tag was pushed; null where the source does not say. */
  pushedAt: Date | null;
}

/** A tag that the source watched, to be watched on. */
export interface ImportedTag {
  reference: Reference;
  /** Since when it was watched there. */
  trackedAt: Date;
  /** When somebody last looked at it; null where the source does not say. */
  lastViewedAt: Date | null;
}

/** Something that the source held and that cannot be taken over, and why. */
export interface Refusal {
  text: string;
  reason: string;
}

/**
 * What a source yields, in any order. `part`: what came so far is written before reading goes on. `failure`: something that
 * could not be read, in a sentence; the rest is read all the same.
 */
export type Item =
  | { kind: 'row'; row: ImportedRow }
  | { kind: 'tag'; tag: ImportedTag }
  | { kind: 'refusal'; refusal: Refusal }
  | { kind: 'part' }
  | { kind: 'failure'; failure: string };

/** A place that history can be imported from. */
export interface ImportSource {
  /** Stands in each event as `source`, and in `/docker-tag-monitor/import/<name>`. */
  name: string;
  /** The only repositories that it tells of; absent: it may tell of any. */
  repositories?: readonly RepositoryName[];
  /** Reads everything; may be called again after an interruption. */
  items(): AsyncIterable<Item>;
}
