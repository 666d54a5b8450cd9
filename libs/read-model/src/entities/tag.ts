import { defineEntity, p } from '@mikro-orm/core';
import { counter, instant, name } from './columns.ts';

/** Two failed scans in a row, of the tag or of its repository, make it unreachable. */
export const UNREACHABLE_AFTER = 2;

/** The state of a tag but for its age, which depends on the time of asking: `watched` is told apart into active and inactive. */
const PHASE = `(case
  when not tracked and untracked_by is distinct from 'expiry' then 'untracked'
  when gone_at is not null then 'gone'
  when not tracked then 'expired'
  when repository_unreachable or failed_scans >= ${UNREACHABLE_AFTER} then 'unreachable'
  when covered_since is null then 'pending'
  else 'watched' end) stored`;

/** What its age is reckoned from; null where it is of unknown age or exempt from the cut-off. */
const ACTIVITY_AT = `(case when tag = 'latest' then null else greatest(last_pushed_at, last_changed_at) end) stored`;

/**
 * Every list is answered from an index alone: it holds the sort key, the name that breaks ties, and what filters and
 * searches look at. Nulls last when descending, so first when ascending: one index serves both.
 */
function sortIndex(column: string, missing?: string) {
  // Rows can be compared with a place only where no part of it is missing.
  const key = missing === undefined ? column : `coalesce(${column}, ${missing})`;
  const included = missing === undefined ? 'phase, activity_at' : `phase, activity_at, ${column}`;
  return {
    name: `tag_by_${column}`,
    expression: (_columns: unknown, table: { schema?: string; name: string }, index: string) =>
      `create index "${index}" on "${table.schema}"."${table.name}" (${key} desc nulls last, search desc, id desc) include (${included})`,
  };
}

/** A tag and what is known of it at present. */
export const Tag = defineEntity({
  name: 'Tag',
  tableName: 'tag',
  schema: '*',
  properties: {
    id: p.bigint('number').primary().autoincrement(false),
    repositoryId: p.bigint('number'),
    reference: name(),
    registry: name(),
    repository: name(),
    tag: name(),

    tracked: p.boolean().default(false),
    /** First time ever. */
    trackedSince: instant().strictNullable(),
    /** Who asked the last time. */
    trackedBy: p.text().strictNullable(),
    /** Sequences in TRACKING: of the first and the last time that it was tracked, and of the last time that it was untracked. */
    firstTrackedSequence: p.bigint('number').strictNullable(),
    trackedSequence: p.bigint('number').strictNullable(),
    untrackedSequence: p.bigint('number').strictNullable(),
    untrackedAt: instant().strictNullable(),
    untrackedBy: p.text().strictNullable(),

    digest: name().strictNullable(),
    mediaType: p.text().strictNullable(),
    /** Where its history begins. */
    baselineAt: instant().strictNullable(),
    lastChangedAt: instant().strictNullable(),
    lastPushedAt: instant().strictNullable(),
    lastPushedSource: p.text().strictNullable(),
    changeCount: counter(),
    /** Entries of its history: baseline, changes, disappearances and returns. */
    entryCount: counter(),
    goneAt: instant().strictNullable(),
    /** Of its last event in HISTORY; 0 before the first. */
    historySequence: p.bigint('number').default(0),
    /** Whether a part of its history is imported, and its timeline therefore merged. */
    imported: p.boolean().default(false),

    /** End of the first scan that covered it. */
    coveredSince: instant().strictNullable(),
    /** Whether the newest scan of its repository left it out: then ownLastScannedAt counts, else the repository's time. */
    exempt: p.boolean().default(true),
    ownLastScannedAt: instant().strictNullable(),
    failedScans: counter(),
    lastFailureCode: p.text().strictNullable(),
    lastFailure: p.text().strictNullable(),
    lastFailedAt: instant().strictNullable(),
    repositoryUnreachable: p.boolean().default(false),

    phase: p.text().generated(PHASE),
    activityAt: instant().strictNullable().generated(ACTIVITY_AT),
    /** What searches look at: a tag may have capital letters, and LIKE is several times faster than ILIKE. */
    search: name().generated('(lower(reference)) stored'),
  },
  uniques: [{ name: 'tag_reference', properties: ['reference'] }],
  indexes: [
    // With the id, searches need nothing else of the tags of a repository.
    { name: 'tag_of_repository', properties: ['repositoryId', 'tag', 'id'] },
    // Facts of a digest are for all tags that point to it.
    { name: 'tag_of_digest', properties: ['digest'] },
    { name: 'tag_exempt', properties: ['repositoryId'], where: 'exempt' },
    { name: 'tag_by_phase', properties: ['phase', 'activityAt'] },
    ...['last_changed_at', 'tracked_since'].map((column) => sortIndex(column, `'-infinity'`)),
    ...['change_count', 'registry', 'repository', 'tag'].map((column) => sortIndex(column)),
  ],
});
