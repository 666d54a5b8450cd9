import type { Sql } from '../database.ts';
import type { AsOf, ListTags, TagRow, TagSortName } from '../queries.ts';
import { searchCondition } from './search.ts';
import { hasState, tagColumns, withSparklines, type StoredTagRow } from './tag-row.ts';
import { windowOf } from './window.ts';

const SORT_COLUMNS: Record<TagSortName, string> = {
  changes: 'change_count',
  lastChangedAt: 'last_changed_at',
  trackedSince: 'tracked_since',
  registry: 'registry',
  repository: 'repository',
  tag: 'tag',
};

/** A page of tags; ties are broken by reference, nulls come last when descending and first when ascending. */
export async function listTags(
  sql: Sql,
  schema: string,
  question: ListTags,
): Promise<{ rows: TagRow[]; total: number }> {
  const conditions: string[] = [];
  const values: unknown[] = [];
  if (question.q !== null && question.q.trim() !== '') {
    const search = searchCondition(question.q, 1);
    conditions.push(search.sql);
    values.push(...search.values);
  }
  if (question.state !== null) {
    const aged = question.state === 'inactive' || question.state === 'active';
    if (aged) values.push(question.inactiveBefore);
    conditions.push(hasState(question.state, `$${values.length}`));
  }
  const where = conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`;
  const total = await countTags(sql, schema, where, values);
  const { limit, offset, reversed } = windowOf(total, question);
  if (limit === 0) return { rows: [], total };
  const descending = (question.order === 'desc') !== reversed;
  const direction = descending ? 'desc nulls last' : 'asc nulls first';
  const order = (alias: string): string =>
    `${alias}.${SORT_COLUMNS[question.sort]} ${direction}, ${alias}.reference ${descending ? 'desc' : 'asc'}`;
  const at = values.length;
  const rows = await sql.query<StoredTagRow>(
    `select ${tagColumns(`$${at + 1}`)}
      from (select t.id from ${schema}.tag t ${where} order by ${order('t')} limit $${at + 2} offset $${at + 3}) page
      join ${schema}.tag t using (id) join ${schema}.repository r on r.id = t.repository_id
      order by ${order('t')}`,
    [...values, question.inactiveBefore, limit, offset],
  );
  if (reversed) rows.reverse();
  return { rows: await withSparklines(sql, schema, rows, question.now), total };
}

/** One tag; null where nothing is known of it. */
export async function findTag(sql: Sql, schema: string, reference: string, asOf: AsOf): Promise<TagRow | null> {
  if (reference.includes('\0')) return null;
  const rows = await sql.query<StoredTagRow>(
    `select ${tagColumns('$2')} from ${schema}.tag t join ${schema}.repository r on r.id = t.repository_id where t.reference = $1`,
    [reference, asOf.inactiveBefore],
  );
  return (await withSparklines(sql, schema, rows, asOf.now))[0] ?? null;
}

async function countTags(sql: Sql, schema: string, where: string, values: unknown[]): Promise<number> {
  const text =
    where === ''
      ? `select coalesce(sum(tags), 0)::int as total from ${schema}.repository`
      : `select count(*)::int as total from ${schema}.tag t ${where}`;
  const [row] = await sql.query<{ total: number }>(text, values);
  return row?.total ?? 0;
}
