import { Bindings } from './bindings.ts';
import { pageByNumber, type Asked, type FoundPage } from './number-page.ts';
import { Search } from './search.ts';
import { TagOrder } from './tag-order.ts';
import { rowValues, tagColumns, type StoredTagRow } from './tag-row.ts';

/** The page of a search: of a plain one by walking an index where it finds much, of others by looking up all that it finds. */
export async function searchTags(asked: Asked, q: string): Promise<FoundPage> {
  const { pointer, question } = asked;
  const order = new TagOrder(pointer, question.sort, question.state);
  const found = await countByRepository(asked, q);
  if (found === null) return lookUp(asked, order, q);
  const { total, tags } = found;
  if (question.offset >= total) return { rows: [], total };
  // Rows of an index that a walk passes, against rows that are looked up one by one and sorted.
  const nearer = Math.min(question.offset + question.limit, total - question.offset);
  const passed = (nearer / total) * tags;
  if (passed > total * LOOKUP_COST) return lookUp(asked, order, q);
  return pageByNumber(asked, order, total, (bind) => new Search(q, bind).onTag());
}

/** To look a row up costs as much as to pass so many in an index. */
const LOOKUP_COST = 6;

/**
 * How many tags a search finds, without looking at those of repositories that are found as a whole, and how many there
 * are; null where that cannot be told so cheaply.
 */
async function countByRepository(
  { sql, schema, question }: Asked,
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
async function lookUp({ sql, pointer, schema, question }: Asked, order: TagOrder, q: string): Promise<FoundPage> {
  const values = new Bindings(rowValues(question));
  const found = new Search(q, values.bind).idsIn(schema, order.state);
  const by = order.by(question.order === 'desc');
  const rows = await sql.query<StoredTagRow & { total: number }>(
    `with found as materialized (${found})
      select (select count(*)::int from found) as total, page.* from (values (1)) one
      left join lateral (
        select ${tagColumns(pointer, 1)} from (
          select t.id from found join ${schema}.tag t using (id)
          order by ${by} limit ${values.bind(question.limit)} offset ${values.bind(question.offset)}) ids
        join ${schema}.tag t using (id) join ${schema}.repository r on r.id = t.repository_id order by ${by}) page on true`,
    values.all,
  );
  const total = rows[0]?.total ?? 0;
  // Without a row on the page, the outer join still answers the total.
  return { rows: rows.flatMap(({ total: _, ...row }) => (row.id === null ? [] : [row])), total };
}
