import { ORDERED_SINCE } from '../schema/create-schema.ts';
import { Bindings } from './bindings.ts';
import { countList, countTags } from './count-tags.ts';
import { KnownList, type KnownLists, type KnownPlace } from './known-lists.ts';
import { TagOrder, type Place } from './tag-order.ts';
import { rowValues, tagColumns, type StoredTagRow } from './tag-row.ts';
import { pageByNumber, where, type Asked, type FoundPage } from './number-page.ts';

export interface Browsing extends Asked {
  known: KnownLists;
}

/** A page of all tags, or of those in a state. */
export async function browseTags(browsing: Browsing): Promise<FoundPage> {
  const { pointer, schema, known, question } = browsing;
  const order = new TagOrder(pointer, question.sort, question.state);
  if (pointer.version < ORDERED_SINCE) return pageByNumber(browsing, order, await countTags(browsing));
  const last = known.get(question.state);
  if (last?.holdsFor(schema, question.inactiveBefore) === true) {
    const { version, ...page } = await pageByPlace(browsing, order, last);
    if (version === last.count.version) return page;
  }
  const list = new KnownList(schema, await countList(browsing));
  known.set(question.state, list);
  // Where a tag was written meanwhile, the page is as right as two statements can be.
  const { version: _, ...page } = await pageByPlace(browsing, order, list);
  return page;
}

/**
 * A page of a list as it is known, and the version that it was found at. No version comes twice, so one that is the list's
 * says that all that led to the page is of the same.
 */
async function pageByPlace(
  browsing: Browsing,
  order: TagOrder,
  list: KnownList,
): Promise<FoundPage & { version: string | null }> {
  const { question, schema } = browsing;
  const { total } = list.count;
  const limit = Math.max(0, Math.min(question.limit, total - question.offset));
  const descending = question.order === 'desc';
  const numberOf = (offset: number): number => (descending ? offset : total - 1 - offset);
  const before =
    limit === 0 || question.offset === 0 ? null : await placeAt(browsing, order, list, numberOf(question.offset - 1));
  if (before === 'none') return { rows: [], total, version: null };
  const values = new Bindings(rowValues(question));
  const conditions = [order.state, before === null ? null : order.behind(before, descending, values.bind)];
  // With the limit in the text, PostgreSQL sees that one plan is good for all places.
  const rows = await browsing.sql.prepared<PlacedRow>(
    `select v.version, page.* from ${schema}.tag_version v left join lateral (
      select ${tagColumns(browsing.pointer, 1)}, ${order.placeColumns}
      from (select t.id from ${schema}.tag t ${where(conditions)} order by ${order.by(descending)} limit ${limit}) ids
      join ${schema}.tag t using (id) join ${schema}.repository r on r.id = t.repository_id order by ${order.by(descending)}) page on true`,
    values.all,
  );
  // Without a row on the page, the outer join still answers the version.
  const found = rows.filter(({ id }) => id !== null);
  const last = found.at(-1);
  if (last !== undefined)
    list.found(order.sort, numberOf(question.offset + found.length - 1), last.version, placeOf(last));
  return { rows: found.map(withoutPlace), total, version: rows[0]?.version ?? null };
}

/** The row with a number, by way of the nearest one that is known; `none` where the list has become shorter. */
async function placeAt(
  { sql, schema, question }: Browsing,
  order: TagOrder,
  list: KnownList,
  position: number,
): Promise<Place | 'none'> {
  const nearest = list.nearest(order.sort, position);
  if (nearest?.position === position) return nearest.place;
  const values = new Bindings([question.inactiveBefore]);
  const { descending, offset } = way(position, nearest, list.count.total);
  const conditions = [order.state, nearest === null ? null : order.behind(nearest.place, descending, values.bind)];
  const [row] = await sql.query<PlacedRow>(
    `select v.version, $1::timestamptz as reckoned, found.* from ${schema}.tag_version v left join lateral (
      select t.id, ${order.placeColumns} from ${schema}.tag t ${where(conditions)}
      order by ${order.by(descending)} limit 1 offset ${values.bind(offset)}) found on true`,
    values.all,
  );
  if (row === undefined || row.id === null) return 'none';
  const place = placeOf(row);
  list.found(order.sort, position, row.version, place);
  return place;
}

/** From which side a row is come to, and past how many others: from a known one, else from the nearer end. */
function way(position: number, nearest: KnownPlace | null, total: number): { descending: boolean; offset: number } {
  const behind = total - 1 - position;
  if (nearest === null)
    return position <= behind ? { descending: true, offset: position } : { descending: false, offset: behind };
  const distance = position - nearest.position;
  return { descending: distance > 0, offset: Math.abs(distance) - 1 };
}

/** `id` is null where there is no row. */
interface PlacedRow extends StoredTagRow {
  version: string;
  placeKey: string;
  placeSearch: string;
}

function placeOf({ placeKey, placeSearch, id }: PlacedRow): Place {
  return { key: placeKey, search: placeSearch, id };
}

function withoutPlace({ version: _, placeKey: _key, placeSearch: _search, ...row }: PlacedRow): StoredTagRow {
  return row;
}
