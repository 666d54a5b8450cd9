import type { Reference } from '@dtm/oci';

/** One fact from a source: from some time on, a tag pointed to a digest. */
export interface ImportedRow {
  reference: Reference;
  digest: string;
  /** When the source saw it: the change happened not later. */
  observedAt: Date;
  /** When the source last saw the state before; null where it does not say. */
  notBefore: Date | null;
  /** Empty where the source does not say. */
  mediaType: string;
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

/** What a source yields, in any order. */
export type Item =
  { kind: 'row'; row: ImportedRow } | { kind: 'tag'; tag: ImportedTag } | { kind: 'refusal'; refusal: Refusal };

/** A place that history can be imported from. */
export interface ImportSource {
  /** Stands in each event as `source`, and in `/docker-tag-monitor/import/<name>`. */
  name: string;
  /** Reads everything; may be called again after an interruption. */
  items(): AsyncIterable<Item>;
}
