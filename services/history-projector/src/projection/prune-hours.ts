import type { Sql } from '@dtm/read-model';
import type { Tables } from './tables.ts';

const HOURS_KEPT = 7 * 24;

/** Forgets hours of scans that no question looks at any more; days are kept for ever. */
export async function pruneHours(sql: Sql, tables: Tables, now: Date): Promise<void> {
  await sql.query(`delete from ${tables.scanHour.name} where hour < $1`, [
    new Date(now.getTime() - HOURS_KEPT * 3_600_000),
  ]);
}
