import type { Digest } from '@dtm/oci';

/** What a registry remembers of a tag: it pointed to a digest from one time to another. Times are the registry's own. */
export interface HistoryRow {
  tag: string;
  /** Null: it pointed to something that the registry does not name. */
  digest: Digest | null;
  from: Date;
  /** When the tag was moved or deleted; null: it still pointed there when the registry was asked. */
  to: Date | null;
  /** The import that it is of: `quay` or `chainguard`. */
  source: 'quay' | 'chainguard';
}
