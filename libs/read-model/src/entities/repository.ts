import { defineEntity, p } from '@mikro-orm/core';
import { counter, instant, name } from './columns.ts';

/** A repository: what an unchanged scan writes, instead of one row per tag. */
export const Repository = defineEntity({
  name: 'Repository',
  tableName: 'repository',
  schema: '*',
  properties: {
    id: p.bigint('number').primary().autoincrement(false),
    registry: name(),
    repository: name(),
    /** Tags with a record, tracked or not. */
    tags: counter(),
    trackedTags: counter(),
    /** Changes of all its tags together. */
    changes: p.bigint('number').default(0),
    /** Since when it has had a tracked tag without a break; null while it has none. */
    watchedFrom: instant().strictNullable(),
    /** End of the newest scan that succeeded. */
    lastScannedAt: instant().strictNullable(),
    lastScanStartedAt: instant().strictNullable(),
    /** Of the newest scan, failed or not: a redelivered event is recognised by it. */
    lastScanId: p.text().strictNullable(),
    /** At which it was scanned last. */
    intervalSeconds: p.double().$type<number>().strictNullable(),
    failedScans: counter(),
    lastFailureCode: p.text().strictNullable(),
    lastFailure: p.text().strictNullable(),
    lastFailedAt: instant().strictNullable(),
  },
  uniques: [{ name: 'repository_name', properties: ['registry', 'repository'] }],
});
