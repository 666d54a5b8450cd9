import { defineEntity, p } from '@mikro-orm/core';

/** One row for every message of TRACKING, unreadable ones included: the copy that a lost stream is refilled from. */
export const TrackingEvent = defineEntity({
  name: 'TrackingEvent',
  tableName: 'tracking_event',
  schema: '*',
  properties: {
    /** In the stream TRACKING. */
    sequence: p.bigint('number').primary().autoincrement(false),
    subject: p.text(),
    /** The exact stored bytes. */
    event: p.blob(),
  },
});
