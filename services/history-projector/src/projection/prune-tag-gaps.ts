import { GAP_DAYS, type Sql } from '@dtm/read-model';
import type { Tables } from './tables.ts';
import type { WorkingSet } from './working-set.ts';

/**
 * Forgets gaps of single tags that are told no more, as of the tags that got another one: one that is scanned rarely has a gap
 * with each scan. By their own times, so that a rebuild leaves the same.
 */
export async function pruneTagGaps(sql: Sql, tables: Tables, { tagGaps }: WorkingSet): Promise<void> {
  if (tagGaps.length === 0) return;
  await sql.query(
    `delete from ${tables.tagGap.name} g
      using (select tag_id, max(gap_to) as newest from ${tables.tagGap.name} where tag_id = any($1) group by tag_id) n
      where g.tag_id = n.tag_id and g.gap_to < n.newest - $2::int * interval '1 day'`,
    [[...new Set(tagGaps.map(({ tagId }) => tagId))], GAP_DAYS],
  );
}
