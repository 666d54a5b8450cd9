import type { TagSummary, TrackedBy } from '@dtm/api-contract';
import { TRACKED_BY } from '@dtm/events';
import type { TagRow } from '@dtm/read-model';

/** One tag as it goes over the wire. */
export function tagSummary(row: TagRow): TagSummary {
  return {
    reference: row.reference,
    registry: row.registry,
    repository: row.repository,
    tag: row.tag,
    state: row.state,
    trackedSince: instant(row.trackedSince),
    trackedBy: trackedBy(row.trackedBy),
    digest: row.digest,
    platforms: row.platforms,
    lastScannedAt: instant(row.lastScannedAt),
    lastChangedAt: instant(row.lastChangedAt),
    lastPushedAt:
      row.lastPushedAt === null
        ? null
        : { at: row.lastPushedAt.toISOString(), source: row.lastPushedSource ?? 'registry' },
    changeCount: row.changeCount,
    sparkline: row.sparkline,
    failure: row.failure,
  };
}

/** RFC 3339 in UTC. */
export function instant(date: Date): string;
export function instant(date: Date | null): string | null;
export function instant(date: Date | null): string | null {
  return date === null ? null : date.toISOString();
}

function trackedBy(text: string | null): TrackedBy | null {
  return TRACKED_BY.find((one) => one === text) ?? null;
}
