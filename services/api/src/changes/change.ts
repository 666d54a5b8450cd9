import type { Change } from '@dtm/api-contract';
import type { ChangeRow } from '@dtm/read-model';
import { instant } from '../tags/tag-summary.ts';

/** One entry of a history as it goes over the wire. */
export function change(row: ChangeRow): Change {
  return {
    sequence: row.sequence,
    digest: row.digest,
    previousDigest: row.previousDigest,
    notBefore: instant(row.notBefore),
    observedAt: instant(row.observedAt),
    pushedAt: instant(row.pushedAt),
    source: row.source,
    kind: row.kind,
  };
}
