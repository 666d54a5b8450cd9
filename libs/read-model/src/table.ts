import type { Database, Sql } from './database.ts';
import type { ENTITIES } from './entities/index.ts';

export type TableEntity = (typeof ENTITIES)[number];

export interface Column {
  /** Name in code. */
  property: string;
  /** Name in the database. */
  column: string;
  /** Such as `timestamptz(3)`. */
  type: string;
}

/** What happens to a row whose key is there already: it is replaced, its figures are added to, it is kept, or the statement fails. */
export type OnConflict = 'replace' | 'add' | 'keep' | 'fail';

/** Reads and writes one table set by set; its columns are those of its entity. */
export class Table<Row extends object> {
  readonly #name: string;
  readonly #columns: Column[];
  readonly #keys: string[];

  constructor(database: Database, entity: TableEntity, schema: string) {
    const { columns, keys, table } = database.describe(entity);
    this.#columns = columns;
    this.#keys = keys;
    this.#name = `"${schema}".${table}`;
  }

  /** `schema.table`, for statements of one's own. */
  get name(): string {
    return this.#name;
  }

  /** The rows that a condition on the alias holds for; the columns that the database computes are left out. */
  select(sql: Sql, alias: string, rest: string, values: unknown[]): Promise<Row[]> {
    const list = this.#columns.map(({ property, column }) => `${alias}.${column} as "${property}"`).join(', ');
    return sql.query<Row>(`select ${list} from ${this.#name} ${alias} ${rest}`, values);
  }

  /** Writes all rows in one statement, none of them twice unless what is there is kept; none for no rows. */
  async write(sql: Sql, rows: readonly Row[], onConflict: OnConflict): Promise<void> {
    if (rows.length === 0) return;
    const names = this.#columns.map(({ column }) => column);
    const arrays = this.#columns.map(({ type }, i) => `$${i + 1}::${type}[]`);
    const values = this.#columns.map(({ property }) =>
      rows.map((row) => bindable((row as Record<string, unknown>)[property])),
    );
    await sql.query(
      `insert into ${this.#name} as present (${names.join(', ')}) select * from unnest(${arrays.join(', ')})
        ${this.#resolution(onConflict)}`,
      values,
    );
  }

  #resolution(onConflict: OnConflict): string {
    if (onConflict === 'fail') return '';
    if (onConflict === 'keep') return `on conflict (${this.#keys.join(', ')}) do nothing`;
    const rest = this.#columns.map(({ column }) => column).filter((column) => !this.#keys.includes(column));
    const set = rest.map(
      (column) => `${column} = ${onConflict === 'add' ? `present.${column} + ` : ''}excluded.${column}`,
    );
    return `on conflict (${this.#keys.join(', ')}) do update set ${set.join(', ')}`;
  }
}

const YEAR_ONE = new Date('0001-01-01T00:00:00.000Z');

/**
 * A value that arrays can be made of. What PostgreSQL cannot hold, a NUL in a text and the year 0, must not stop a
 * projection for ever; `pg` would write a Date in the local time zone, which takes it longer.
 */
function bindable(value: unknown): unknown {
  if (typeof value === 'string') return value.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value;
  // Of a column of JSON; `pg` would take it for one more dimension of the array.
  if (Array.isArray(value)) return JSON.stringify(value);
  if (value instanceof Date) return (value < YEAR_ONE ? YEAR_ONE : value).toISOString();
  if (value instanceof Uint8Array && !Buffer.isBuffer(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  return value;
}
