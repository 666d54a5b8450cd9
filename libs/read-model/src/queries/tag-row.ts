import type { Sql } from '../database.ts';
import type { TagRow, TagStateName } from '../queries.ts';

/** A tag as the database answers it; `id` is for what is asked next. */
export interface StoredTagRow extends Omit<TagRow, 'platforms' | 'sparkline'> {
  id: number;
}

/** State of the tag `t`; the placeholder holds the instant before which a tag is inactive. */
export function stateOf(inactiveBefore: string): string {
  return `case when t.phase <> 'watched' then t.phase when t.activity_at < ${inactiveBefore} then 'inactive' else 'active' end`;
}

/** Which tags `t` have a state, in terms of the columns that the indexes hold. */
export function hasState(state: TagStateName, inactiveBefore: string): string {
  if (state === 'inactive') return `t.phase = 'watched' and t.activity_at < ${inactiveBefore}`;
  if (state === 'active')
    return `t.phase = 'watched' and (t.activity_at is null or t.activity_at >= ${inactiveBefore})`;
  return `t.phase = '${state}'`;
}

/** The columns of a `StoredTagRow`, from the tag `t` and its repository `r`. */
export function tagColumns(inactiveBefore: string): string {
  return `t.id, t.reference, t.registry, t.repository, t.tag, ${stateOf(inactiveBefore)} as state,
    t.tracked_since as "trackedSince", t.tracked_by as "trackedBy", t.digest,
    case when t.exempt then t.own_last_scanned_at else r.last_scanned_at end as "lastScannedAt",
    t.last_changed_at as "lastChangedAt", t.last_pushed_at as "lastPushedAt", t.last_pushed_source as "lastPushedSource",
    t.change_count as "changeCount",
    case when t.phase = 'unreachable' then case when t.repository_unreachable then r.last_failure else t.last_failure end end as failure`;
}

const MONTHS = 12;

/** Adds the changes of each of the last 12 months (UTC), the month of `now` last. */
export async function withSparklines(sql: Sql, schema: string, rows: StoredTagRow[], now: Date): Promise<TagRow[]> {
  const current = now.getUTCFullYear() * 12 + now.getUTCMonth();
  const counts = await sql.query<{ id: number; month: number; changes: number }>(
    `select tag_id as id, (extract(year from month) * 12 + extract(month from month) - 1)::int as month, changes
      from ${schema}.change_month where tag_id = any($1) and month > $2::date and month <= $3::date`,
    [rows.map(({ id }) => id), monthStart(current - MONTHS), monthStart(current)],
  );
  const sparklines = new Map(rows.map(({ id }) => [id, new Array<number>(MONTHS).fill(0)]));
  for (const { id, month, changes } of counts) {
    const sparkline = sparklines.get(id);
    if (sparkline !== undefined) sparkline[MONTHS - 1 - (current - month)] = changes;
  }
  return rows.map(({ id, ...row }) => ({ ...row, platforms: [], sparkline: sparklines.get(id) ?? [] }));
}

/** `2026-11-01` of months counted from year 0. */
function monthStart(month: number): string {
  return new Date(Date.UTC(Math.floor(month / 12), month % 12)).toISOString().slice(0, 10);
}
