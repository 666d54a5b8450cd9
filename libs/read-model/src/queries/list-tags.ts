import type { Sql } from '../database.ts';
import type { AsOf, ListTags, TagRow, TagSortName, TagStateName } from '../queries.ts';
import type { Pointer } from '../schema/create-schema.ts';
import { Search } from './search.ts';
import { hasState, rowValues, tagColumns, tagRow, type StoredTagRow } from './tag-row.ts';
import { windowOf, type Window } from './window.ts';

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
  pointer: Pointer,
  question: ListTags,
): Promise<{ rows: TagRow[]; total: number }> {
  // PostgreSQL's text knows no NUL, so nothing can contain it.
  if (question.q?.includes('\0') === true) return { rows: [], total: 0 };
  const list: List = { sql, pointer, schema: pointer.schema, question };
  const q = question.q?.trim() ?? '';
  const { rows, total } = q === '' ? await walkPage(list) : await searchPage(list, q);
  return { rows: rows.map((row) => tagRow(row, question.now)), total };
}

interface List {
  sql: Sql;
  pointer: Pointer;
  schema: string;
  question: ListTags;
}

interface Page {
  rows: StoredTagRow[];
  total: number;
}

/** The page of a search: of a plain one by walking an index where it finds much, of others by looking up all that it finds. */
async function searchPage(list: List, q: string): Promise<Page> {
  const found = await countByRepository(list, q);
  if (found === null) return lookUp(list, q);
  const { total, tags } = found;
  const window = windowOf(total, list.question);
  if (window.limit === 0) return { rows: [], total };
  // Rows of an index that a walk passes, against rows that are looked up one by one and sorted.
  const passed = ((window.offset + window.limit) / total) * tags;
  if (passed > total * LOOKUP_COST) return lookUp(list, q);
  const values = new Bindings(rowValues(list.question));
  return { rows: await walk(list, window, values, new Search(q, values.bind).onTag()), total };
}

/** To look a row up costs as much as to pass so many in an index. */
const LOOKUP_COST = 6;

/**
 * How many tags a search finds, without looking at those of repositories that are found as a whole, and how many there
 * are; null where that cannot be told so cheaply.
 */
async function countByRepository(
  { sql, schema, question }: List,
  q: string,
): Promise<{ total: number; tags: number } | null> {
  const values = new Bindings([]);
  const search = new Search(q, values.bind);
  if (!search.isPlain || question.state !== null) return null;
  const onRepository = search.onRepository();
  let total = `(select coalesce(sum(r.tags), 0)::int from ${schema}.repository r where ${onRepository})`;
  const onTagName = search.onTagName();
  if (onTagName !== null)
    total += ` + (select count(*)::int from ${schema}.tag t join ${schema}.repository r on r.id = t.repository_id
      where ${onTagName} and not ${onRepository})`;
  const [row] = await sql.query<{ total: number; tags: number }>(
    `select ${total} as total, (select coalesce(max(id), 0)::int from ${schema}.tag) as tags`,
    values.all,
  );
  return row ?? null;
}

/** Sorts all that is found, and answers how much it is, in one statement. */
async function lookUp({ sql, pointer, schema, question }: List, q: string): Promise<Page> {
  const values = new Bindings(rowValues(question));
  const found = new Search(q, values.bind).idsIn(schema, stateCondition(question));
  const { ids, order } = pageOf(
    `found join ${schema}.tag t using (id)`,
    { ...question, reversed: false },
    question,
    values,
  );
  const rows = await sql.query<StoredTagRow & { total: number }>(
    `with found as materialized (${found})
      select (select count(*)::int from found) as total, page.* from (values (1)) one
      left join lateral (${rowsOf({ ids, order }, pointer)}) page on true`,
    values.all,
  );
  const total = rows[0]?.total ?? 0;
  // Without a row on the page, the outer join still answers the total.
  return { rows: rows.flatMap(({ total: _, ...row }) => (row.id === null ? [] : [row])), total };
}

/** A page found by walking an index from the nearer end. */
async function walkPage(list: List): Promise<Page> {
  const total = await countTags(list.sql, list.schema, list.question);
  const window = windowOf(total, list.question);
  if (window.limit === 0) return { rows: [], total };
  return { rows: await walk(list, window, new Bindings(rowValues(list.question)), null), total };
}

async function walk(
  { sql, pointer, schema, question }: List,
  window: Window,
  values: Bindings,
  condition: string | null,
): Promise<StoredTagRow[]> {
  const conditions = [stateCondition(question), condition].filter((part) => part !== null).join(' and ');
  const from = `${schema}.tag t ${conditions === '' ? '' : `where ${conditions}`}`;
  return inOrder(
    await sql.query<StoredTagRow>(rowsOf(pageOf(from, window, question, values), pointer), values.all),
    window,
  );
}

/** Values of a statement, and their placeholders. */
class Bindings {
  readonly all: unknown[];

  constructor(first: unknown[]) {
    this.all = [...first];
  }

  readonly bind = (value: unknown): string => `$${this.all.push(value)}`;
}

/** The ids of a page, and the order that its rows are to have. */
interface Ordered {
  ids: string;
  order: string;
}

function pageOf(from: string, window: Window, question: ListTags, values: Bindings): Ordered {
  const order = orderBy('t', question.sort, (question.order === 'desc') !== window.reversed);
  const [limit, offset] = [values.bind(window.limit), values.bind(window.offset)];
  return { ids: `select t.id from ${from} order by ${order} limit ${limit} offset ${offset}`, order };
}

function rowsOf({ ids, order }: Ordered, pointer: Pointer): string {
  const { schema } = pointer;
  return `select ${tagColumns(pointer, 1)} from (${ids}) page
    join ${schema}.tag t using (id) join ${schema}.repository r on r.id = t.repository_id order by ${order}`;
}

function inOrder(rows: StoredTagRow[], { reversed }: Window): StoredTagRow[] {
  return reversed ? rows.reverse() : rows;
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
export async function findTag(sql: Sql, pointer: Pointer, reference: string, asOf: AsOf): Promise<TagRow | null> {
  const { schema } = pointer;
  if (reference.includes('\0')) return null;
  const values = [...rowValues(asOf), reference];
  const [row] = await sql.query<StoredTagRow>(
    `select ${tagColumns(pointer, 1)} from ${schema}.tag t join ${schema}.repository r on r.id = t.repository_id
      where t.reference = $${values.length}`,
    values,
  );
  return row === undefined ? null : tagRow(row, asOf.now);
}

async function countTags(sql: Sql, schema: string, { state, inactiveBefore }: ListTags): Promise<number> {
  // Ids are given out one by one and no tag is ever deleted, so the last id is the number of tags.
  const all = `(select coalesce(max(id), 0)::int from ${schema}.tag)`;
  const inState = (name: TagStateName): string =>
    `(select count(*)::int from ${schema}.tag t where ${hasState(name, '$1')})`;
  let count = all;
  // Nearly all tags are active, so those that are not are counted.
  if (state === 'active') count = `${all} - ${OTHER_STATES.map(inState).join(' - ')}`;
  else if (state !== null) count = inState(state);
  const [row] = await sql.query<{ total: number }>(`select ${count} as total, $1::timestamptz as reckoned_at`, [
    inactiveBefore,
  ]);
  return row?.total ?? 0;
}

const OTHER_STATES = ['untracked', 'gone', 'expired', 'unreachable', 'pending', 'inactive'] as const;

/** References of the tags with ids from `first` to `last`: ids are given out one by one, and no tag is ever deleted. */
export async function tagReferences(
  sql: Sql,
  schema: string,
  first: number,
  last: number,
): Promise<{ reference: string; lastChangedAt: Date | null }[]> {
  return sql.query(
    `select reference, last_changed_at as "lastChangedAt" from ${schema}.tag where id between $1 and $2 order by id`,
    [first, last],
  );
}
