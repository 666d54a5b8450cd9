import { MikroORM, type EntityManager, type EntityName } from '@mikro-orm/postgresql';
import pg from 'pg';
import { ENTITIES } from './entities/index.ts';
import type { Column, TableEntity } from './table.ts';

/** Runs SQL with bound parameters; rows as objects, bigint as number, timestamptz as Date. */
export interface Sql {
  query<Row extends object = never>(text: string, values?: unknown[]): Promise<Row[]>;
}

export const DEFAULT_POOL_SIZE = 4;

/** Each takes some memory of each connection, in PostgreSQL too. */
const MAX_PREPARED = 100;

/** Also runs what is asked again and again. */
export interface PreparedSql extends Sql {
  /** As `query`, but each connection parses the text once, and plans it once where that is as good. */
  prepared<Row extends object = never>(text: string, values?: unknown[]): Promise<Row[]>;
}

export interface DatabaseSettings {
  /** `postgresql://user:password@host:port/database` */
  url: string;
  /** Shown in pg_stat_activity. */
  name: string;
  /** Connections at most; default `DEFAULT_POOL_SIZE`. */
  poolSize?: number;
  /** Told in words when a connection breaks. */
  onProblem?: (text: string) => void;
}

const { builtins } = pg.types;
const PARSERS = new Map<number, (text: string) => unknown>([
  [builtins.INT8, Number],
  [builtins.NUMERIC, Number],
]);
// MikroORM's pool leaves times as text for its own hydration; here they are parsed as plain `pg` does.
const TYPES = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    PARSERS.get(oid) ?? pg.types.getTypeParser(oid, format === 'binary' ? 'binary' : 'text'),
};

/**
 * The connection to PostgreSQL: MikroORM with our entities, and its pool for statements that bind arrays (its own
 * `execute` writes the values into the text). Connects when first asked; broken connections are replaced by themselves.
 */
export class Database implements PreparedSql {
  readonly #orm: MikroORM;
  /** Of prepared statements, by text. */
  readonly #names = new Map<string, string>();
  #named = 0;
  readonly settings: DatabaseSettings;

  constructor(settings: DatabaseSettings) {
    this.settings = settings;
    const tell = (text: string): void => settings.onProblem?.(text);
    this.#orm = new MikroORM({
      entities: ENTITIES,
      clientUrl: settings.url,
      pool: { min: 0, max: settings.poolSize ?? DEFAULT_POOL_SIZE },
      driverOptions: {
        application_name: settings.name,
        keepAlive: true,
        connectionTimeoutMillis: 5_000,
        // Statements of one transaction may be sent without waiting for the answer to the one before.
        pipeline: true,
      },
      logger: tell,
      colors: false,
    });
  }

  /** Reads entities; each question names its schema. */
  entities(): EntityManager {
    return this.#orm.em.fork();
  }

  async query<Row extends object = never>(text: string, values: unknown[] = []): Promise<Row[]> {
    const pool = await this.#pool();
    return (await pool.query<Row>({ text, values, types: TYPES })).rows;
  }

  async prepared<Row extends object = never>(text: string, values: unknown[] = []): Promise<Row[]> {
    const known = this.#names.get(text);
    if (known === undefined && this.#names.size === MAX_PREPARED) return this.query<Row>(text, values);
    const name = known ?? `dtm_${++this.#named}`;
    this.#names.set(text, name);
    const pool = await this.#pool();
    return (await pool.query<Row>({ name, text, values, types: TYPES })).rows;
  }

  /** Makes room for other prepared statements, where those so far will not be asked again. */
  forgetPrepared(): void {
    this.#names.clear();
  }

  /** Runs `work` in one transaction; whatever it throws rolls back. */
  async transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    const client = await (await this.#pool()).connect();
    const query = async <Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> =>
      (await client.query<Row>({ text, values, types: TYPES })).rows;
    let broken: Error | undefined;
    try {
      await client.query('begin');
      const result = await work({ query });
      await client.query('commit');
      return result;
    } catch (error) {
      await client.query('rollback').catch((failure: Error) => (broken = failure));
      throw error;
    } finally {
      // A connection that cannot even roll back must not go back to the pool.
      client.release(broken);
    }
  }

  /** The statements that create all tables in a schema. */
  createStatements(schema: string): Promise<string> {
    return this.#orm.schema.getCreateSchemaSQL({ schema, wrap: false, includeWildcardSchema: true });
  }

  /** What a table consists of, without the columns that the database computes. */
  describe(entity: TableEntity): { table: string; columns: Column[]; keys: string[] } {
    const meta = this.#orm.getMetadata().get(entity as EntityName<object>);
    const stored = meta.props.filter(({ generated }) => generated === undefined);
    const columns = stored.map(({ name, fieldNames: [column], columnTypes: [type] }) => {
      if (column === undefined || type === undefined) throw new Error(`${meta.tableName}.${name} is no single column`);
      return { property: name, column, type };
    });
    const keys = stored.filter(({ primary }) => primary).flatMap(({ fieldNames }) => fieldNames);
    return { table: meta.tableName, columns, keys };
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    await this.#orm.close(true);
  }

  async #pool(): Promise<pg.Pool> {
    const connection = this.#orm.em.getConnection() as unknown as { getNativeClient(): Promise<pg.Pool> };
    return connection.getNativeClient();
  }
}
