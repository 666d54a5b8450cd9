import { EVENT_TYPES, type RepositoryScanned } from '@dtm/events';
import type { RepositoryRecord, Sql, TagRecord } from '@dtm/read-model';
import type { Batch } from './messages.ts';
import type { Tables } from './tables.ts';
import type { LoadedRows } from './working-set.ts';

/** Loads the rows that a batch can touch, in at most three statements whatever its size. */
export async function loadRows(sql: Sql, tables: Tables, batch: Batch): Promise<LoadedRows> {
  const tagEvents = [...batch.HISTORY, ...batch.TRACKING].flatMap(({ event }) => (event === null ? [] : [event.data]));
  const scans = batch.SCAN_LOG.flatMap(({ event }) => (event === null ? [] : [event]));
  const successes = scans.flatMap((event) => (event.type === EVENT_TYPES.RepositoryScanned ? [event.data] : []));
  const references = tagEvents.map(({ registry, repository, tag }) => `${registry}/${repository}:${tag}`);
  for (const { registry, repository, coverage } of successes) {
    if (coverage.mode === 'all-but') references.push(...coverage.tags.map((tag) => `${registry}/${repository}:${tag}`));
  }
  const [repositories, named] = await Promise.all([
    loadRepositories(sql, tables, [...tagEvents, ...scans.map(({ data }) => data)]),
    loadNamedTags(sql, tables, references),
  ]);
  const tags = new Map<number, TagRecord>();
  for (const tag of named) tags.set(tag.id, tag);
  for (const tag of await loadScannedTags(sql, tables, repositories, successes)) tags.set(tag.id, tag);
  return { repositories, tags: [...tags.values()] };
}

async function loadRepositories(
  sql: Sql,
  tables: Tables,
  names: readonly { registry: string; repository: string }[],
): Promise<RepositoryRecord[]> {
  const unique = [...new Map(names.map((name) => [`${name.registry}/${name.repository}`, name])).values()];
  if (unique.length === 0) return [];
  return tables.repository.select(
    sql,
    'r',
    'join unnest($1::text[], $2::text[]) as n(registry, repository) on r.registry = n.registry and r.repository = n.repository',
    [unique.map(({ registry }) => registry), unique.map(({ repository }) => repository)],
  );
}

async function loadNamedTags(sql: Sql, tables: Tables, references: readonly string[]): Promise<TagRecord[]> {
  if (references.length === 0) return [];
  return tables.tag.select(sql, 't', 'where t.reference = any($1)', [[...new Set(references)]]);
}

/** Tags that a scan may cover anew; and where a scan covers some tags only, all that were covered until then. */
async function loadScannedTags(
  sql: Sql,
  tables: Tables,
  repositories: readonly RepositoryRecord[],
  scans: readonly RepositoryScanned[],
): Promise<TagRecord[]> {
  if (scans.length === 0) return [];
  const scanned = new Set(scans.map(nameOf));
  const partly = new Set(scans.filter(({ coverage }) => coverage.mode === 'only').map(nameOf));
  const idsOf = (names: ReadonlySet<string>): number[] =>
    repositories.filter((repository) => names.has(nameOf(repository))).map(({ id }) => id);
  // A scan that began before a tag was untracked, or untracked and tracked again, has covered it all the same.
  const oldestView = scans.reduce((oldest, { trackingSequence }) => Math.min(oldest, trackingSequence), Infinity);
  return tables.tag.select(
    sql,
    't',
    `where (t.repository_id = any($1) and t.exempt or t.repository_id = any($2)) and (t.tracked or t.untracked_sequence > $3)`,
    [idsOf(scanned), idsOf(partly), oldestView],
  );
}

function nameOf({ registry, repository }: { registry: string; repository: string }): string {
  return `${registry}/${repository}`;
}
