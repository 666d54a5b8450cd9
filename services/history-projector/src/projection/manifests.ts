import type { ManifestEvent } from '@dtm/events';
import type { Sql } from '@dtm/read-model';
import type { Read } from './messages.ts';
import type { Tables } from './tables.ts';
import type { WorkingSet } from './working-set.ts';

/** Projects one message of MANIFESTS: a copy of it, whatever it holds, and what it says of its digest. */
export function projectManifest(set: WorkingSet, { event, message }: Read<ManifestEvent>): void {
  set.manifestEvents.push({ sequence: message.sequence, subject: message.subject, event: message.data });
  if (event === null) return;
  const { digest, mediaType, size, platforms, createdAt } = event.data;
  set.manifests.push({
    digest,
    mediaType,
    size,
    platforms,
    createdAt: createdAt === null ? null : new Date(createdAt),
  });
}

/** Writes what manifests are, the first description of each, and dates the tags by them that no registry dates. */
export async function writeManifests(sql: Sql, tables: Tables, set: WorkingSet): Promise<void> {
  const described = set.manifests.filter(({ createdAt }) => createdAt !== null).map(({ digest }) => digest);
  const undated = [...set.undatedTags].map(({ id }) => id);
  await Promise.all([
    tables.manifestEvent.write(sql, set.manifestEvents, 'fail'),
    tables.manifest.write(sql, set.manifests, 'keep'),
    dateByImage(sql, tables, 't.digest = any($1)', described),
    // Their digest may have been described long ago: in another repository, or before the tag came back to it.
    dateByImage(sql, tables, 't.id = any($1)', undated),
  ]);
}

async function dateByImage(
  sql: Sql,
  tables: Tables,
  which: string,
  values: readonly (string | number)[],
): Promise<void> {
  if (values.length === 0) return;
  await sql.query(
    `update ${tables.tag.name} t set last_pushed_at = m.created_at, last_pushed_source = 'image'
      from ${tables.manifest.name} m
      where ${which} and m.digest = t.digest and m.created_at is not null and t.last_pushed_source is null`,
    [values],
  );
}
