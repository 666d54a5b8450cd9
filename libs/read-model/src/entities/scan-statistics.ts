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
