import type { Sql } from '../database.ts';
import type { AsOf, ListTags, TagRow, TagSortName } from '../queries.ts';
import { searchCondition, searchStatement } from './search.ts';
import { hasState, rowValues, tagColumns, tagRow, type StoredTagRow } from './tag-row.ts';
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
  // PostgreSQL's text knows no NUL, so nothing can contain it.
  if (question.q?.includes('\0') === true) return { rows: [], total: 0 };
  const list: List = { sql, schema, question };
  const q = question.q?.trim() ?? '';
  const { rows, total } = q === '' ? await walkPage(list, null) : await searchPage(list, q);
  return { rows: rows.map((row) => tagRow(row, question.now)), total };
}

interface List {
  sql: Sql;
  schema: string;
  question: ListTags;
}

interface Page {
  rows: StoredTagRow[];
  total: number;
}

/** A search that finds more than this is walked in the order of an index, rather than sorted. */
const SORTED_AT_MOST = 1_000;

/** The page of a search: all that it finds is sorted in the statement that finds it, unless that is much. */
async function searchPage({ sql, schema, question }: List, q: string): Promise<Page> {
  const values = rowValues(question);
  const found = searchStatement(q, schema, values.length + 1, stateCondition(question));
  values.push(...found.values, question.limit, question.offset);
  const rows = await sql.query<StoredTagRow & { total: number }>(
    `with found as materialized (${found.sql}), counted as materialized (select count(*)::int as total from found)
      select counted.total, page.* from counted left join lateral (
        select ${tagColumns(schema, 1)}
        from found join ${schema}.tag t using (id) join ${schema}.repository r on r.id = t.repository_id
        where counted.total <= ${SORTED_AT_MOST}
        order by ${orderBy('t', question.sort, question.order === 'desc')}
        limit $${values.length - 1} offset $${values.length}
      ) page on true`,
    values,
  );
  const total = rows[0]?.total ?? 0;
  if (total > SORTED_AT_MOST) return walkPage({ sql, schema, question }, { q, total });
  // Without a row on the page, the outer join still answers the total.
  return { rows: rows.flatMap(({ total: _, ...row }) => (row.id === null ? [] : [row])), total };
}

/** A page found by walking an index from the nearer end; of a search whose total is known, or of all. */
async function walkPage({ sql, schema, question }: List, search: { q: string; total: number } | null): Promise<Page> {
  const total = search?.total ?? (await countTags(sql, schema, question));
  const { limit, offset, reversed } = windowOf(total, question);
  if (limit === 0) return { rows: [], total };
  const order = orderBy('t', question.sort, (question.order === 'desc') !== reversed);
  const values = rowValues(question);
  const conditions = [stateCondition(question)];
  if (search !== null) {
    const condition = searchCondition(search.q, values.length + 1);
    conditions.push(condition.sql);
    values.push(...condition.values);
  }
  const where = conditions.filter((condition) => condition !== null).join(' and ');
  values.push(limit, offset);
  const rows = await sql.query<StoredTagRow>(
    `select ${tagColumns(schema, 1)}
      from (select t.id from ${schema}.tag t ${where === '' ? '' : `where ${where}`}
        order by ${order} limit $${values.length - 1} offset $${values.length}) page
      join ${schema}.tag t using (id) join ${schema}.repository r on r.id = t.repository_id
      order by ${order}`,
    values,
  );
  return { rows: reversed ? rows.reverse() : rows, total };
}

/** The instant that tells active from inactive is the first of the `rowValues`. */
function stateCondition({ state }: ListTags): string | null {
  return state === null ? null : hasState(state, '$1');
}

function orderBy(alias: string, sort: TagSortName, descending: boolean): string {
  const [nulls, direction] = descending ? ['desc nulls last', 'desc'] : ['asc nulls first', 'asc'];
  return `${alias}.${SORT_COLUMNS[sort]} ${nulls}, ${alias}.search ${direction}, ${alias}.id ${direction}`;
}

/** One tag; null where nothing is known of it. */
export async function findTag(sql: Sql, schema: string, reference: string, asOf: AsOf): Promise<TagRow | null> {
  if (reference.includes('\0')) return null;
  const values = [...rowValues(asOf), reference];
  const [row] = await sql.query<StoredTagRow>(
    `select ${tagColumns(schema, 1)} from ${schema}.tag t join ${schema}.repository r on r.id = t.repository_id
      where t.reference = $${values.length}`,
    values,
  );
  return row === undefined ? null : tagRow(row, asOf.now);
}

async function countTags(sql: Sql, schema: string, { state, inactiveBefore }: ListTags): Promise<number> {
  // Ids are given out one by one and no tag is ever deleted, so the last id is the number of tags.
  const [row] =
    state === null
      ? await sql.query<{ total: number }>(`select coalesce(max(id), 0)::int as total from ${schema}.tag`)
      : await sql.query<{ total: number }>(
          `select count(*)::int as total from ${schema}.tag t
            where ${hasState(state, '$1')} and $1::timestamptz is not null`,
          [inactiveBefore],
        );
  return row?.total ?? 0;
}
