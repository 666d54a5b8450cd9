import type { PreparedSql } from '../database.ts';
import type { ListTags } from '../queries.ts';
import type { Pointer } from '../schema/create-schema.ts';
import { Bindings } from './bindings.ts';
import type { TagOrder } from './tag-order.ts';
import { rowValues, tagColumns, type StoredTagRow } from './tag-row.ts';
import { windowOf } from './window.ts';

/** A question about a list, and where it is put. */
export interface Asked {
  sql: PreparedSql;
  pointer: Pointer;
  schema: string;
  question: ListTags;
}

export interface FoundPage {
  rows: StoredTagRow[];
  total: number;
}

/** A page found by walking an index past all rows before it, from the nearer end. */
export async function pageByNumber(
  { sql, pointer, schema, question }: Asked,
  order: TagOrder,
  total: number,
  condition: (bind: (value: unknown) => string) => string | null = () => null,
): Promise<FoundPage> {
  const window = windowOf(total, question);
  if (window.limit === 0) return { rows: [], total };
  const values = new Bindings(rowValues(question));
  const by = order.by((question.order === 'desc') !== window.reversed);
  const rows = await sql.query<StoredTagRow>(
    `select ${tagColumns(pointer, 1)} from (
        select t.id from ${schema}.tag t ${where([order.state, condition(values.bind)])}
        order by ${by} limit ${values.bind(window.limit)} offset ${values.bind(window.offset)}) page
      join ${schema}.tag t using (id) join ${schema}.repository r on r.id = t.repository_id order by ${by}`,
    values.all,
  );
  return { rows: window.reversed ? rows.reverse() : rows, total };
}

/** Those conditions that there are, all of them. */
export function where(conditions: readonly (string | null)[]): string {
  const given = conditions.filter((condition) => condition !== null);
  return given.length === 0 ? '' : `where ${given.join(' and ')}`;
}
