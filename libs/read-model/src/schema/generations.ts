import type { Database, Sql } from '../database.ts';
import { createTables, lockSchemas, READ_MODEL_VERSION, readPointer } from './create-schema.ts';

/** Comment on a schema that never served: whoever finds it without a rebuild at work may drop it. */
export const FILLING = 'being filled by npm run rebuild';

/**
 * Makes the next schema, `read_<N+1>`, empty, beside all others. What an earlier rebuild left unfinished is dropped, so only
 * one may be at work: that is for the caller to see to.
 */
export function makeGeneration(database: Database): Promise<string> {
  return database.transaction(async (sql) => {
    await lockSchemas(sql);
    let newest = 0;
    for (const { name, note } of await generations(sql)) {
      if (note === FILLING) await sql.query(`drop schema "${name}" cascade`);
      else newest = Math.max(newest, Number(name.slice('read_'.length)));
    }
    const made = `read_${newest + 1}`;
    await createTables(database, sql, made);
    await sql.query(`comment on schema "${made}" is '${FILLING}'`);
    return made;
  });
}

/** Makes another schema the one that serves, in the caller's transaction. Throws where `from` no longer serves. */
export async function switchPointer(sql: Sql, from: string, to: string): Promise<void> {
  await lockSchemas(sql);
  const switched = await sql.query<{ schema: string }>(
    `update public.read_model set "current_schema" = $2, version = $3, switched_at = now()
      where "current_schema" = $1 returning "current_schema" as schema`,
    [from, to, READ_MODEL_VERSION],
  );
  if (switched.length === 0) throw new Error(`${from} no longer serves: another rebuild has switched meanwhile`);
  await sql.query(`comment on schema "${to}" is null`);
}

/** Drops all schemas but the one that serves and the one that served before it; answers the names. */
export function dropOlderGenerations(database: Database, before: string): Promise<string[]> {
  return database.transaction(async (sql) => {
    await lockSchemas(sql);
    const serving = (await readPointer(sql))?.schema;
    const old = (await generations(sql)).map(({ name }) => name).filter((name) => name !== serving && name !== before);
    for (const name of old) await sql.query(`drop schema "${name}" cascade`);
    return old;
  });
}

function generations(sql: Sql): Promise<{ name: string; note: string | null }[]> {
  return sql.query<{ name: string; note: string | null }>(
    `select nspname as name, obj_description(oid, 'pg_namespace') as note from pg_namespace where nspname ~ '^read_[0-9]+$'`,
  );
}
