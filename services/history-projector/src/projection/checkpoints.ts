import type { Sql } from '@dtm/read-model';
import { isImported, PROJECTED_STREAMS, type Batch, type ProjectedStream } from './messages.ts';
import type { Tables } from './tables.ts';
import type { LastIds } from './working-set.ts';

/** The checkpoint is not where this projector left it: another one runs. */
export class RivalProjector extends Error {
  override readonly name = 'RivalProjector';
  constructor() {
    super('another projector has moved the checkpoint');
  }
}

/** How far each stream is projected. */
export type Positions = Record<ProjectedStream, number>;

/** Before the first event of each. */
export const BEGINNING: Readonly<Positions> = { HISTORY: 0, MANIFESTS: 0, TRACKING: 0, SCAN_LOG: 0 };

/**
 * Moves the checkpoints over a batch, before anything else in its transaction: the update takes the row locks, and finds
 * no row where another projector has moved one. Throws `RivalProjector` then. All rows are taken, in one order, as
 * events of different streams touch the same rows. Answers the new positions, and the ids that new rows follow.
 */
export async function moveCheckpoints(
  sql: Sql,
  tables: Tables,
  from: Positions,
  batch: Batch,
): Promise<{ to: Positions; lastIds: LastIds }> {
  const to: Positions = { ...from };
  // What was imported is told of times long past, in any order: how far the record is, it does not tell.
  const eventTimes = PROJECTED_STREAMS.map((stream) => {
    const last = batch[stream].at(-1);
    if (last !== undefined) to[stream] = last.message.sequence;
    const time =
      batch[stream].findLast(({ event, message }) => event !== null && !isImported(message.subject))?.event?.time ??
      null;
    // PostgreSQL knows no year 0, and a checkpoint must move over everything.
    return time?.startsWith('0000') === true ? null : time;
  });
  // Where this waited for a lock and found its checkpoints as it left them, no id can have been given out meanwhile.
  const moved = await sql.query<{ lastTag: number; lastRepository: number }>(
    `with held as (
        select c.stream, n.new_sequence, n.event_at
        from ${tables.checkpoint} c
        join unnest($1::text[], $2::bigint[], $3::bigint[], $4::timestamptz[]) as n(stream, old_sequence, new_sequence, event_at)
          on n.stream = c.stream and n.old_sequence = c.sequence
        order by c.stream for update of c
      )
      update ${tables.checkpoint} c
        set sequence = h.new_sequence, event_at = coalesce(h.event_at, c.event_at), projected_at = now()
        from held h where h.stream = c.stream
        returning coalesce((select max(id) from ${tables.tag.name}), 0)::float8 as "lastTag",
          coalesce((select max(id) from ${tables.repository.name}), 0)::float8 as "lastRepository"`,
    [
      PROJECTED_STREAMS,
      PROJECTED_STREAMS.map((stream) => from[stream]),
      PROJECTED_STREAMS.map((stream) => to[stream]),
      eventTimes,
    ],
  );
  const [first] = moved;
  if (first === undefined || moved.length !== PROJECTED_STREAMS.length) throw new RivalProjector();
  return { to, lastIds: { tag: first.lastTag, repository: first.lastRepository } };
}
