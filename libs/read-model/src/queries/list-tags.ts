import type { PreparedSql } from '../database.ts';
import type { AsOf, ListTags, TagRow } from '../queries.ts';
import type { Pointer } from '../schema/create-schema.ts';
import { browseTags } from './browse-tags.ts';
import type { KnownLists } from './known-lists.ts';
import { searchTags } from './search-tags.ts';
import { rowValues, tagColumns, tagRow, type StoredTagRow } from './tag-row.ts';

/** A page of tags; ties are broken by reference, nulls come last when descending and first when ascending. */
export async function listTags(
  sql: PreparedSql,
  pointer: Pointer,
  question: ListTags,
  known: KnownLists,
): Promise<{ rows: TagRow[]; total: number }> {
  // PostgreSQL's text knows no NUL, so nothing can contain it.
  if (question.q?.includes('\0') === true) return { rows: [], total: 0 };
  const asked = { sql, pointer, schema: pointer.schema, question };
  const q = question.q?.trim() ?? '';
  const { rows, total } = q === '' ? await browseTags({ ...asked, known }) : await searchTags(asked, q);
  return { rows: rows.map((row) => tagRow(row, question.now)), total };
}

/** One tag; null where nothing is known of it. */
export async function findTag(
  sql: PreparedSql,
  pointer: Pointer,
  reference: string,
  asOf: AsOf,
): Promise<TagRow | null> {
  const { schema } = pointer;
  if (reference.includes('\0')) return null;
  const values = [...rowValues(asOf), reference];
  const [row] = await sql.prepared<StoredTagRow>(
    `select ${tagColumns(pointer, 1)} from ${schema}.tag t join ${schema}.repository r on r.id = t.repository_id
      where t.reference = $${values.length}`,
    values,
  );
  return row === undefined ? null : tagRow(row, asOf.now);
}

/** References of the tags with ids from `first` to `last`: ids are given out one by one, and no tag is ever deleted. */
export async function tagReferences(
  sql: PreparedSql,
  schema: string,
  first: number,
  last: number,
): Promise<{ reference: string; lastChangedAt: Date | null }[]> {
  return sql.query(
    `select reference, last_changed_at as "lastChangedAt" from ${schema}.tag where id between $1 and $2 order by id`,
    [first, last],
  );
}
