import type { Database, Sql } from '../database.ts';

/** Shape of the tables that this version of the code reads and writes. */
export const READ_MODEL_VERSION = 6;

/** Read models of an older version serve until they are rebuilt; from this one on they tell when a tag was written. */
export const ORDERED_SINCE = 5;
/** From this one on they know the gaps of single tags. */
export const TAG_GAPS_SINCE = 6;

// One key for everything that creates or switches schemas; any number will do, as long as it stays the same.
const SCHEMA_LOCK = 7_046_029_254;

/** Which schema serves. */
export interface Pointer {
  schema: string;
  version: number;
}

/** Reads the pointer; null before the first schema is made. */
export async function readPointer(sql: Sql): Promise<Pointer | null> {
  const [table] = await sql.query<{ present: boolean }>(
    `select to_regclass('public.read_model') is not null as present`,
  );
  if (table?.present !== true) return null;
  // Without quotes, current_schema would be the function of that name.
  const [row] = await sql.query<Pointer>('select "current_schema" as schema, version from public.read_model');
  return row ?? null;
}

/**
 * Makes the first schema and the pointer to it where there is none yet, and answers the one that serves. Any number of
 * processes may call it at once.
 */
export async function ensureReadModel(database: Database): Promise<Pointer> {
  const found = await readPointer(database);
  if (found !== null) return found;
  await tryTrigrams(database);
  return database.transaction(async (sql) => {
    await lockSchemas(sql);
    await sql.query(
      `create table if not exists public.read_model (
        "current_schema" text not null,
        version integer not null,
        switched_at timestamptz(3) not null default now(),
        only_row boolean primary key default true check (only_row)
      )`,
    );
    const rival = await readPointer(sql);
    if (rival !== null) return rival;
    const schema = 'read_1';
    await createTables(database, sql, schema);
    await sql.query('insert into public.read_model ("current_schema", version) values ($1, $2)', [
      schema,
      READ_MODEL_VERSION,
    ]);
    return { schema, version: READ_MODEL_VERSION };
  });
}

/** Lets no other process create, switch or drop schemas until the transaction ends. */
export async function lockSchemas(sql: Sql): Promise<void> {
  await sql.query('select pg_advisory_xact_lock($1)', [SCHEMA_LOCK]);
}

/** Makes all tables that a version of the code relies on: what is written down for each. */
export async function statementsOf(database: Database, schema: string): Promise<string> {
  return (await database.createStatements(schema)) + versionOfTags(schema);
}

/** Creates all tables and indexes of a schema that does not exist yet, in the caller's transaction. */
export async function createTables(database: Database, sql: Sql, schema: string): Promise<void> {
  await sql.query(await statementsOf(database, schema));
  // Lists are answered from indexes alone where the pages are known to be settled, which only a vacuum tells.
  await sql.query(`alter table "${schema}".tag set (autovacuum_vacuum_scale_factor = 0.005)`);
  const [trigrams] = await sql.query<{ place: string }>(
    `select n.nspname as place from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm'`,
  );
  if (trigrams === undefined) return;
  const trigramIndex = (name: string, table: string, text: string): Promise<unknown> =>
    // What is postponed, every search has to read through: little of it, or new tags would cost four times as much.
    sql.query(
      `create index ${name} on "${schema}".${table} using gin (${text} "${trigrams.place}".gin_trgm_ops) with (gin_pending_list_limit = 256)`,
    );
  await trigramIndex('tag_search', 'tag', 'lower(tag)');
  await trigramIndex('repository_search', 'repository', `(registry || '/' || repository)`);
}

/**
 * Names the state that all tags are in: whoever reads the name and something else in one statement knows what that belongs to.
 * Names are never used again, as a number would be after a restore.
 */
function versionOfTags(schema: string): string {
  return `
    create table "${schema}".tag_version (
      version uuid not null default gen_random_uuid(),
      only_row boolean primary key default true check (only_row)
    );
    insert into "${schema}".tag_version default values;
    create function "${schema}".tags_changed() returns trigger language plpgsql as
      $$ begin update "${schema}".tag_version set version = gen_random_uuid(); return null; end $$;
    create trigger tags_changed after insert or update or delete or truncate on "${schema}".tag
      execute function "${schema}".tags_changed();
`;
}

/** Search is faster with it and right without it, so a server that refuses the extension will do. */
async function tryTrigrams(database: Database): Promise<void> {
  try {
    await database.query('create extension if not exists pg_trgm');
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    database.settings.onProblem?.(`search works without trigrams: create extension pg_trgm: ${words}`);
  }
}
