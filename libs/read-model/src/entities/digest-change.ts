import { defineEntity, p } from '@mikro-orm/core';
import { instant, name } from './columns.ts';

/**
 * One row for every message of HISTORY, imported and unreadable ones included: the history as it is shown, and the copy
 * that a lost stream is refilled from.
 */
export const DigestChange = defineEntity({
  name: 'DigestChange',
  tableName: 'digest_change',
  schema: '*',
  properties: {
    /** In the stream HISTORY. */
    sequence: p.bigint('number').primary().autoincrement(false),
    /** Null for an unreadable event. */
    tagId: p.bigint('number').strictNullable(),
    /** `baseline`, `change`, `disappearance` or `return`; null for an unreadable event. */
    kind: p.text().strictNullable(),
    /** False where the merged timeline has it already: a neighbour tells the same. */
    shown: p.boolean(),
    /** Whether it lies under `imported.>`. */
    imported: p.boolean(),
    /** Null for a disappearance. */
    digest: name().strictNullable(),
    previousDigest: name().strictNullable(),
    notBefore: instant().strictNullable(),
    observedAt: instant().strictNullable(),
    pushedAt: instant().strictNullable(),
    source: p.text().strictNullable(),
    subject: p.text(),
    /** The exact stored bytes. */
    event: p.blob(),
  },
  indexes: [
    {
      name: 'digest_change_of_tag',
      expression: (_columns, table, index) =>
        `create index "${index}" on "${table.schema}"."${table.name}" (tag_id, shown, observed_at desc, sequence desc) include (kind)`,
    },
    {
      // What live readers resume from must not wade through a million imported rows.
      name: 'digest_change_live',
      expression: (_columns, table, index) =>
        `create index "${index}" on "${table.schema}"."${table.name}" (sequence) where shown and not imported`,
    },
  ],
});

/** Changes of a tag in a calendar month (UTC): sparklines and frequency. */
export const ChangeMonth = defineEntity({
  name: 'ChangeMonth',
  tableName: 'change_month',
  schema: '*',
  properties: {
    tagId: p.bigint('number').primary().autoincrement(false),
    /** Its first day. */
    month: p.date().primary(),
    changes: p.integer(),
  },
});
