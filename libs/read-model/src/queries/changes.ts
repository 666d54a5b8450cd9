import type { PreparedSql, Sql } from '../database.ts';
import type { ChangeRow, ListChanges, LiveChangeRow, NextChanges } from '../queries.ts';
import { windowOf } from './window.ts';

const CHANGE_COLUMNS = `c.sequence, c.digest, c.previous_digest as "previousDigest", c.not_before as "notBefore",
  c.observed_at as "observedAt", c.pushed_at as "pushedAt", c.source, c.kind`;

/** A page of a tag's history, newest first, imports merged in. */
export async function listChanges(
  sql: PreparedSql,
  schema: string,
  question: ListChanges,
): Promise<{ rows: ChangeRow[]; total: number }> {
  const [tag] = await sql.prepared<{ id: number; entries: number; shown: number }>(
    `select t.id, t.entry_count as entries,
        case when $2::timestamptz is null then t.entry_count else greatest(least(1, t.entry_count),
          (select count(*)::int from ${schema}.digest_change c where c.shown and c.tag_id = t.id and c.observed_at >= $2)) end as shown
      from ${schema}.tag t where t.reference = $1`,
    [question.reference, question.since],
  );
  if (tag === undefined) return { rows: [], total: 0 };
  const { limit, offset, reversed } = windowOf(tag.shown, question);
  if (limit === 0) return { rows: [], total: tag.shown };
  // The page is found in the index alone; what lies before `since` is the end of the list, so leaving it out is a matter of where the window ends.
  const direction = reversed ? 'asc' : 'desc';
  const rows = await sql.prepared<ChangeRow>(
    `select ${CHANGE_COLUMNS} from ${schema}.digest_change c join (
        select sequence from ${schema}.digest_change where shown and tag_id = $1
        order by observed_at ${direction}, sequence ${direction} limit $2 offset $3
      ) page using (sequence) order by c.observed_at ${direction}, c.sequence ${direction}`,
    [tag.id, limit, reversed ? offset + (tag.entries - tag.shown) : offset],
  );
  return { rows: reversed ? rows.reverse() : rows, total: tag.shown };
}

/**
 * Live rows of history behind a sequence, ascending, and how far the record is read with them. One statement, so that both
 * are of the same moment and, where several replicas answer, of the same one.
 */
export async function nextChanges(
  sql: PreparedSql,
  schema: string,
  sequence: number,
  limit: number,
  reference: string | null,
): Promise<NextChanges> {
  const ofTag = reference === null ? '' : `and c.tag_id = (select id from ${schema}.tag where reference = $3)`;
  const found = await sql.prepared<LiveChangeRow & { projected: number }>(
    `select k.projected, page.*
      from (select coalesce(max(sequence), 0) as projected from ${schema}.checkpoint where stream = 'HISTORY') k
      left join lateral (
        select ${CHANGE_COLUMNS}, t.reference from ${schema}.digest_change c join ${schema}.tag t on t.id = c.tag_id
        where c.sequence > $1 and c.shown and not c.imported ${ofTag} order by c.sequence limit $2
      ) page on true order by page.sequence`,
    reference === null ? [sequence, limit] : [sequence, limit, reference],
  );
  // Without a row, the outer join still answers how far the record is.
  const rows = found.filter((row) => row.sequence !== null).map(({ projected: _, ...row }) => row);
  const last = rows.at(-1)?.sequence ?? 0;
  return { rows, upTo: rows.length < limit ? Math.max(last, found[0]?.projected ?? 0) : last };
}

const EXPORT_BATCH = 2_000;

/** Everything that the timelines show, in order of sequence. */
export async function* exportChanges(sql: Sql, schema: string): AsyncGenerator<LiveChangeRow[]> {
  for (let last = 0; ;) {
    const rows = await sql.query<LiveChangeRow>(
      `select ${CHANGE_COLUMNS}, t.reference from ${schema}.digest_change c join ${schema}.tag t on t.id = c.tag_id
        where c.sequence > $1 and c.shown order by c.sequence limit $2`,
      [last, EXPORT_BATCH],
    );
    if (rows.length > 0) yield rows;
    if (rows.length < EXPORT_BATCH) return;
    last = rows[rows.length - 1]?.sequence ?? last;
  }
}
