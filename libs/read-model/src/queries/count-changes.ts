import type { Sql } from '../database.ts';
import type { CountChanges } from '../queries.ts';

/**
 * Changes per ISO week or month (UTC), oldest first, empty ones included; empty for a tag without a baseline. Buckets are
 * whole ones, but of the one that `since` falls into only what came after it is counted.
 */
export async function countChanges(
  sql: Sql,
  schema: string,
  question: CountChanges,
): Promise<{ start: Date; changes: number }[]> {
  // An interval is one of two words of ours, never a user's text.
  const unit = question.interval === 'week' ? 'week' : 'month';
  return sql.query<{ start: Date; changes: number }>(
    `with bounds as (
        select t.id, b.until,
          greatest(date_trunc('${unit}', coalesce($2, t.baseline_at) at time zone 'UTC'),
            b.until - ($5::int - 1) * interval '1 ${unit}') as since
        from ${schema}.tag t, (select date_trunc('${unit}', coalesce($3, $4::timestamptz) at time zone 'UTC') as until) b
        where t.reference = $1 and t.baseline_at is not null
      ), counted as (${unit === 'week' ? weeks(schema) : months(schema)})
      select s.start at time zone 'UTC' as start, coalesce(c.changes, 0) as changes
      from bounds b cross join lateral generate_series(b.since, b.until, interval '1 ${unit}') as s(start)
      left join counted c on c.start = s.start order by s.start`,
    [question.reference, question.from, question.to, question.now, question.maxBuckets, question.since],
  );
}

/** A Monday, which weeks are counted from: cheaper than truncating each instant in a time zone. */
const MONDAY = '2001-01-01 00:00:00+00';

function weeks(schema: string): string {
  return `
    select date_bin('7 days', c.observed_at, '${MONDAY}') at time zone 'UTC' as start, count(*)::int as changes
    from bounds b join ${schema}.digest_change c on c.tag_id = b.id and c.shown and c.kind = 'change'
      and c.observed_at >= greatest(b.since at time zone 'UTC', $6::timestamptz) and c.observed_at < (b.until + interval '1 week') at time zone 'UTC'
    group by date_bin('7 days', c.observed_at, '${MONDAY}')`;
}

/** The month that `since` falls into: the counts per month do not say what of it came after that instant. */
const FIRST_MONTH = `date_trunc('month', $6::timestamptz at time zone 'UTC')`;

function months(schema: string): string {
  return `
    select m.month::timestamp as start, m.changes
    from bounds b join ${schema}.change_month m on m.tag_id = b.id and m.month >= b.since::date and m.month <= b.until::date
      and ($6::timestamptz is null or m.month > ${FIRST_MONTH})
    union all
    select ${FIRST_MONTH}, count(*)::int
    from bounds b join ${schema}.digest_change c on c.tag_id = b.id and c.shown and c.kind = 'change'
      and c.observed_at >= $6 and c.observed_at < (${FIRST_MONTH} + interval '1 month') at time zone 'UTC'`;
}
