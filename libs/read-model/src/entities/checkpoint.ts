import { defineEntity, p } from '@mikro-orm/core';
import { instant, name } from './columns.ts';

/** How far a stream is projected: the one place that says so, written in the transaction that writes the rows. */
export const Checkpoint = defineEntity({
  name: 'Checkpoint',
  tableName: 'checkpoint',
  schema: '*',
  properties: {
    stream: name().primary(),
    /** Of the last message that is projected; 0 before the first. */
    sequence: p.bigint('number'),
    /** When the stream was made: another stream under the same name has another time. */
    streamCreated: instant(),
    /** When what the newest projected event tells was observed or done, imported history left out. */
    eventAt: instant().strictNullable(),
    projectedAt: instant().strictNullable(),
  },
});
