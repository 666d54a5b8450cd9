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
  const list: List = {
    sql,
    schema,
    question,
    values,
    where: conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`,
  };
  const found = question.q === null ? null : await searchPage(list);
  const { rows, total } = found ?? (await walkPage(list));
  return { rows: await withSparklines(sql, schema, rows, question.now), total };
}

interface List {
  sql: Sql;
  schema: string;
  question: ListTags;
  where: string;
  values: unknown[];
}

interface Page {
  rows: StoredTagRow[];
  total: number;
}

/** A search that finds more than this is walked in the order of an index, rather than sorted. */
const SORTED_AT_MOST = 1_000;

/** The page of a search that finds little: all of it is sorted, in one statement; null where it finds much. */
async function searchPage({ sql, schema, question, where, values }: List): Promise<Page | null> {
  const at = values.length;
  const descending = question.order === 'desc';
  const rows = await sql.query<StoredTagRow & { total: number }>(
    `with found as materialized (select t.id from ${schema}.tag t ${where} limit ${SORTED_AT_MOST + 1})
      select (select count(*)::int from found) as total, page.* from (values (1)) one left join lateral (
        select ${tagColumns(`$${at + 1}`)}
        from found join ${schema}.tag t using (id) join ${schema}.repository r on r.id = t.repository_id
        order by ${orderBy('t', question.sort, descending)} limit $${at + 2} offset $${at + 3}
      ) page on true`,
    [...values, question.inactiveBefore, question.limit, question.offset],
  );
  const total = rows[0]?.total ?? 0;
  if (total > SORTED_AT_MOST) return null;
  // Without a row on the page, the outer join still answers the total.
  return { rows: rows.flatMap(({ total: _, ...row }) => (row.id === null ? [] : [row])), total };
}

/** A page found by walking an index from the nearer end. */
async function walkPage({ sql, schema, question, where, values }: List): Promise<Page> {
  const total = await countTags(sql, schema, where, values);
  const { limit, offset, reversed } = windowOf(total, question);
  if (limit === 0) return { rows: [], total };
  const descending = (question.order === 'desc') !== reversed;
  const at = values.length;
  const order = orderBy('t', question.sort, descending);
  const rows = await sql.query<StoredTagRow>(
    `select ${tagColumns(`$${at + 1}`)}
      from (select t.id from ${schema}.tag t ${where} order by ${order} limit $${at + 2} offset $${at + 3}) page
      join ${schema}.tag t using (id) join ${schema}.repository r on r.id = t.repository_id
      order by ${order}`,
    [...values, question.inactiveBefore, limit, offset],
  );
  return { rows: reversed ? rows.reverse() : rows, total };
}

function orderBy(alias: string, sort: TagSortName, descending: boolean): string {
  const [nulls, direction] = descending ? ['desc nulls last', 'desc'] : ['asc nulls first', 'asc'];
  return `${alias}.${SORT_COLUMNS[sort]} ${nulls}, ${alias}.search ${direction}, ${alias}.id ${direction}`;
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
