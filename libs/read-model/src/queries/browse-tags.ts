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
    const page = await pageByPlace(browsing, order, last);
    if (page !== null) return page;
  }
  const list = new KnownList(schema, await countList(browsing));
  known.set(question.state, list);
  // Tags are written faster than they can be read: what comes next is as right as two statements can be.
  return (await pageByPlace(browsing, order, list)) ?? pageByNumber(browsing, order, list.count.total);
}

/** A page of a list as it is known; null where a tag was written since. */
async function pageByPlace(browsing: Browsing, order: TagOrder, list: KnownList): Promise<FoundPage | null> {
  const { question, schema } = browsing;
  const { total, version } = list.count;
  const limit = Math.max(0, Math.min(question.limit, total - question.offset));
  const descending = question.order === 'desc';
  let before: Place | null = null;
  if (limit > 0 && question.offset > 0) {
    const position = descending ? question.offset - 1 : total - question.offset;
    const found = await placeAt(browsing, order, list, position);
    if (found === null) return null;
    before = found;
  }
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
  if (rows[0]?.version !== version) return null;
  const last = rows.at(-1);
  const end = question.offset + limit;
  if (last !== undefined && limit > 0 && end < total)
    list.found(order.sort, { position: descending ? end - 1 : total - end, place: placeOf(last) });
  return { rows: limit === 0 ? [] : rows.map(withoutPlace), total };
}

/** The row with a number, by way of the nearest one that is known; null where a tag was written since. */
async function placeAt(
  { sql, schema, question }: Browsing,
  order: TagOrder,
  list: KnownList,
  position: number,
): Promise<Place | null> {
  const { total, version } = list.count;
  const nearest = list.nearest(order.sort, position);
  if (nearest?.position === position) return nearest.place;
  const values = new Bindings([question.inactiveBefore]);
  const { descending, offset } = way(position, nearest, total);
  const conditions = [order.state, nearest === null ? null : order.behind(nearest.place, descending, values.bind)];
  const [row] = await sql.query<PlacedRow>(
    `select v.version, $1::timestamptz as reckoned, found.* from ${schema}.tag_version v left join lateral (
      select t.id, ${order.placeColumns} from ${schema}.tag t ${where(conditions)}
      order by ${order.by(descending)} limit 1 offset ${values.bind(offset)}) found on true`,
    values.all,
  );
  if (row?.version !== version) return null;
  const place = placeOf(row);
  list.found(order.sort, { position, place });
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
