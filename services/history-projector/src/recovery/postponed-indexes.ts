import type { Database } from '@dtm/read-model';

/** What the projection itself reads by, beside primary keys and other unique ones. */
const READ_BY = ['digest_change_of_tag', 'tag_exempt', 'tag_of_repository'];

/**
 * Drops the indexes of a schema that nobody reads yet and that filling it does not need; answers the statements that make
 * them again. Made of all rows at once they cost a fraction of what it takes to keep them row by row.
 */
export async function postponeIndexes(database: Database, schema: string): Promise<string[]> {
  const postponed = await database.query<{ name: string; definition: string }>(
    `select c.relname as name, pg_get_indexdef(c.oid) as definition
      from pg_index i join pg_class c on c.oid = i.indexrelid
      where c.relnamespace = to_regnamespace($1) and not i.indisunique and c.relname <> all ($2)
      order by c.relname`,
    [`"${schema}"`, READ_BY],
  );
  for (const { name } of postponed) await database.query(`drop index "${schema}"."${name}"`);
  return postponed.map(({ definition }) => definition);
}
