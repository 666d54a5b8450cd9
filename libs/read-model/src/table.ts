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
    const values: (string | Buffer)[] = [];
    const parameter = (value: string | Buffer): string => `$${values.push(value)}`;
    const arrays: string[] = [];
    const names: string[] = [];
    const arrayOf = (type: string, elements: readonly unknown[]): string => {
      arrays.push(`${parameter(arrayLiteral(elements))}::${type}[]`);
      names.push(`c${arrays.length}`);
      return `n.c${arrays.length}`;
    };
    const expressions = this.#columns.map(({ property, type }) => {
      const column = rows.map((row) => (row as Record<string, unknown>)[property]);
      if (type !== 'bytea') return arrayOf(type, column);
      // Bytes would be written as hex into an array: twice as much to write and to read.
      const { bytes, from, length } = joined(column as Uint8Array[]);
      return `substring(${parameter(bytes)}::bytea from ${arrayOf('int', from)} for ${arrayOf('int', length)})`;
    });
    await sql.query(
      `insert into ${this.#name} as present (${this.#columns.map(({ column }) => column).join(', ')})
        select ${expressions.join(', ')} from unnest(${arrays.join(', ')}) as n(${names.join(', ')})
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

/** An array as PostgreSQL reads it from text: at half the cost of what `pg` makes of an array of any values. */
function arrayLiteral(elements: readonly unknown[]): string {
  return `{${elements.map(elementOf).join(',')}}`;
}

/**
 * What PostgreSQL cannot hold, a NUL in a text and the year 0, must not stop a projection for ever. An array is the value of
 * a column of JSON.
 */
function elementOf(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return quoted(JSON.stringify(value));
  if (value instanceof Date) return (value < YEAR_ONE ? YEAR_ONE : value).toISOString();
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new Error(`an array cannot hold a ${typeof value}`);
}

function quoted(text: string): string {
  const whole = text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text;
  return /["\\]/.test(whole) ? `"${whole.replace(/["\\]/g, '\\$&')}"` : `"${whole}"`;
}

/** All in a row, and where in it each begins (from 1) and how long it is. */
function joined(parts: readonly Uint8Array[]): { bytes: Buffer; from: number[]; length: number[] } {
  let end = 0;
  const from = parts.map((part) => {
    const begin = end + 1;
    end += part.length;
    return begin;
  });
  return { bytes: Buffer.concat(parts, end), from, length: parts.map((part) => part.length) };
}
