import { defineEntity, p } from '@mikro-orm/core';
import { instant, name } from './columns.ts';

const counts = {
  registry: name().primary(),
  succeeded: p.integer(),
  failed: p.integer(),
  /** Of the scans that succeeded. */
  durationSeconds: p.double().$type<number>(),
  requests: p.bigint('number'),
  /** Tags whose digest was learned. */
  observations: p.bigint('number'),
};

/** Scans that ended on a day (UTC). */
export const ScanDay = defineEntity({
  name: 'ScanDay',
  tableName: 'scan_day',
  schema: '*',
  properties: { day: p.date().primary(), ...counts },
});

/** Scans that ended in an hour; kept for some days, for figures such as requests per observation. */
export const ScanHour = defineEntity({
  name: 'ScanHour',
  tableName: 'scan_hour',
  schema: '*',
  properties: { hour: instant().primary(), ...counts },
});

/** Without an answer for longer than so many intervals there is a gap in what was watched. */
export const GAP_INTERVALS = 2;
/** How far back gaps are told. */
export const GAP_DAYS = 60;

/** A time in which no scan of a watched repository answered for more than two intervals. */
export const ScanGap = defineEntity({
  name: 'ScanGap',
  tableName: 'scan_gap',
  schema: '*',
  properties: {
    repositoryId: p.bigint('number').primary().autoincrement(false),
    gapFrom: instant().primary(),
    gapTo: instant(),
  },
});

/**
 * A time in which a tag alone gave no answer for more than two intervals, or was not tracked, though its repository was
 * scanned. Kept for as long as gaps are told.
 */
export const TagGap = defineEntity({
  name: 'TagGap',
  tableName: 'tag_gap',
  schema: '*',
  properties: {
    tagId: p.bigint('number').primary().autoincrement(false),
    gapFrom: instant().primary(),
    gapTo: instant(),
  },
});
