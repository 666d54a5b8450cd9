import type { Sql } from '../database.ts';
import type { TagDescription } from '../queries.ts';

const DAY_MS = 24 * 3600 * 1000;
/** How far back gaps are told. */
const GAP_DAYS = 60;
/** The newest changes that a tag's rhythm is taken from: enough for any, and the busiest tag has tens of thousands. */
const CADENCE_CHANGES = 1_000;

interface DescribedTag extends Omit<TagDescription, 'recentGaps'> {
  repositoryId: number;
  /** Gaps count from here on. */
  coveredFrom: Date | null;
  /** Set where the newest scan is longer ago than two intervals, and nothing has answered since. */
  openGapFrom: Date | null;
}

/** Cadence and coverage of a tag; null for an unknown one. `since` bounds the changes that are looked at. */
export async function describeTag(
  sql: Sql,
  schema: string,
  reference: string,
  now: Date,
  since: Date | null,
): Promise<TagDescription | null> {
  // Reckoned here: PostgreSQL would do it again for each row.
  const daysBefore = (days: number): Date => new Date(now.getTime() - days * DAY_MS);
  const [row] = await sql.query<DescribedTag>(
    `select t.repository_id as "repositoryId", t.baseline_at as "watchedSince",
        greatest(t.tracked_since, t.covered_since) as "coveredFrom",
        case when t.tracked and r.last_scanned_at + r.interval_seconds * interval '2 seconds' < $2 then r.last_scanned_at end as "openGapFrom",
        counted.*, cadence.*
      from ${schema}.tag t join ${schema}.repository r on r.id = t.repository_id
      cross join lateral (
        select count(*)::int as "changes365d",
          count(*) filter (where observed_at > $4)::int as "changes90d",
          count(*) filter (where observed_at > $5)::int as "changes30d"
        from ${schema}.digest_change where shown and tag_id = t.id and kind = 'change'
          and observed_at > greatest($6::timestamptz, $3)
      ) counted
      cross join lateral (
        select percentile_cont(0.5) within group (order by gap) as "medianGapSeconds", max(gap) as "longestGapSeconds"
        from (select date_part('epoch', observed_at - lead(observed_at) over (order by observed_at desc)) as gap
          from (select observed_at from ${schema}.digest_change
            where shown and tag_id = t.id and kind = 'change' and observed_at >= coalesce($3, '-infinity'::timestamptz)
            order by observed_at desc, sequence desc limit ${CADENCE_CHANGES}) newest) gaps
      ) cadence
      where t.reference = $1`,
    [reference, now, since, daysBefore(90), daysBefore(30), daysBefore(365)],
  );
  if (row === undefined) return null;
  const { repositoryId, coveredFrom, openGapFrom, ...description } = row;
  const recentGaps = await sql.query<{ from: Date; to: Date }>(
    `select greatest(gap_from, $3) as "from", gap_to as "to" from ${schema}.scan_gap
      where repository_id = $1 and gap_to > $2 and gap_to > $3 order by gap_from`,
    [repositoryId, daysBefore(GAP_DAYS), coveredFrom ?? now],
  );
  if (openGapFrom !== null && coveredFrom !== null) recentGaps.push({ from: openGapFrom, to: now });
  return { ...description, recentGaps };
}
