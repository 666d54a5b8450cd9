import type { PreparedSql } from '../database.ts';
import { GAP_DAYS, GAP_INTERVALS } from '../entities/scan-statistics.ts';
import type { AsOf, TagDescription, TagRow } from '../queries.ts';
import { TAG_GAPS_SINCE, type Pointer } from '../schema/create-schema.ts';
import { rowValues, tagColumns, tagRow, type StoredTagRow } from './tag-row.ts';

const DAY_MS = 24 * 3600 * 1000;
/** The newest changes that a tag's rhythm is taken from: enough for any, and the busiest tag has tens of thousands. */
const CADENCE_CHANGES = 1_000;

interface DescribedTag extends StoredTagRow, Omit<TagDescription, 'recentGaps'> {
  gaps: [from: string, to: string][] | null;
  /** At which it is scanned; null where nothing is claimed of the time since its last scan. */
  intervalSeconds: number | null;
}

/** A tag with its cadence and coverage, in one statement; null for an unknown one. `since` bounds the changes that are looked at. */
export async function describeTag(
  sql: PreparedSql,
  pointer: Pointer,
  reference: string,
  asOf: AsOf,
  since: Date | null,
): Promise<{ tag: TagRow; description: TagDescription } | null> {
  if (reference.includes('\0')) return null;
  const { schema, version } = pointer;
  const ownGaps =
    version < TAG_GAPS_SINCE ? '' : `union all select gap_from, gap_to from ${schema}.tag_gap where tag_id = t.id`;
  const { now } = asOf;
  // Reckoned here: PostgreSQL would do it again for each row.
  const daysBefore = (days: number): Date => new Date(now.getTime() - days * DAY_MS);
  const [row] = await sql.prepared<DescribedTag>(
    `select ${tagColumns(pointer, 1)}, t.baseline_at as "watchedSince",
        -- Whoever imports from the original takes over since when it was tracked there.
        case when t.imported then t.covered_since
          when t.baseline_at is not null and t.tracked_since is not null then greatest(t.baseline_at, t.tracked_since)
          end as "coveredSince",
        case when t.tracked and t.covered_since is not null then r.interval_seconds end as "intervalSeconds",
        (select json_agg(json_build_array(greatest(g.gap_from, t.covered_since), g.gap_to) order by g.gap_from)
          from (select gap_from, gap_to from ${schema}.scan_gap where repository_id = t.repository_id ${ownGaps}) g
          where g.gap_to > $9 and g.gap_to > t.covered_since) as gaps,
        counted.*, cadence.*
      from ${schema}.tag t join ${schema}.repository r on r.id = t.repository_id
      cross join lateral (
        select count(*)::int as "changes365d",
          count(*) filter (where observed_at > $6)::int as "changes90d",
          count(*) filter (where observed_at > $7)::int as "changes30d"
        from ${schema}.digest_change where shown and tag_id = t.id and kind = 'change'
          and observed_at > greatest($8::timestamptz, $5)
      ) counted
      cross join lateral (
        select percentile_cont(0.5) within group (order by gap) as "medianGapSeconds", max(gap) as "longestGapSeconds"
        from (select date_part('epoch', observed_at - lead(observed_at) over (order by observed_at desc)) as gap
          from (select observed_at from ${schema}.digest_change
            where shown and tag_id = t.id and kind = 'change' and observed_at >= coalesce($5, '-infinity'::timestamptz)
            order by observed_at desc, sequence desc limit ${CADENCE_CHANGES}) newest) gaps
      ) cadence
      where t.reference = $4`,
    [...rowValues(asOf), reference, since, daysBefore(90), daysBefore(30), daysBefore(365), daysBefore(GAP_DAYS)],
  );
  if (row === undefined) return null;
  const {
    gaps,
    intervalSeconds,
    changes30d,
    changes90d,
    changes365d,
    medianGapSeconds,
    longestGapSeconds,
    watchedSince,
    coveredSince,
    ...tag
  } = row;
  const recentGaps = (gaps ?? []).map(([from, to]) => ({ from: new Date(from), to: new Date(to) }));
  // Its own last answer counts, whatever its siblings answered since.
  const { lastScannedAt: from } = tag;
  const isOpen =
    from !== null &&
    intervalSeconds !== null &&
    now.getTime() - from.getTime() > GAP_INTERVALS * intervalSeconds * 1_000;
  if (isOpen) recentGaps.push({ from, to: now });
  const cadence = { changes30d, changes90d, changes365d, medianGapSeconds, longestGapSeconds };
  return {
    tag: tagRow(tag, now),
    description: { ...cadence, watchedSince, coveredSince, recentGaps: joined(recentGaps) },
  };
}

/** Gaps in order of their beginnings, as such that do not overlap: a tag's own may hold one of its repository. */
function joined(gaps: TagDescription['recentGaps']): TagDescription['recentGaps'] {
  const apart: TagDescription['recentGaps'] = [];
  for (const gap of gaps.toSorted((a, b) => a.from.getTime() - b.from.getTime())) {
    const last = apart.at(-1);
    if (last === undefined || gap.from > last.to) apart.push({ ...gap });
    else if (gap.to > last.to) last.to = gap.to;
  }
  return apart;
}
