import { ensureStreams, type NatsConnection } from '@dtm/jetstream';
import { ensureReadModel, READ_MODEL_VERSION, readPointer, type Database } from '@dtm/read-model';
import type { Positions } from '../projection/checkpoints.ts';
import { PROJECTED_STREAMS } from '../projection/messages.ts';
import { openCheckpoints } from '../projection/open-checkpoints.ts';
import { tablesOf } from '../projection/tables.ts';
import { streamsOf, type EventSource } from '../reading/event-source.ts';
import { Fill, sum } from './fill.ts';
import { inPlaceOfProjector } from './projector-lock.ts';
import type { OnProgress } from './refused.ts';
import { restoreStreams, type RestoreReport } from './restore-history.ts';
import { StreamCopy } from './stream-copy.ts';
import { HistoryVerification, type HistoryReport } from './verify-history.ts';

export interface ReuniteReport {
  /** What the database and the streams had to give each other; null where there were no read models. */
  restored: RestoreReport | null;
  /** Events that were projected; null where the read models are of another version, which a rebuild must mend first. */
  projected: number | null;
  verification: HistoryReport;
}

/**
 * After a restore, before any service starts: makes streams and read models one pair again, though each may be of another
 * day. A restored stream may have another time at which it was made, for which a projector takes it for a foreign one: here
 * it is compared with the copy event by event, and only what is the same is adopted. Then the read models are projected up to
 * the end of the streams, from the beginning where there are none, and HISTORY is verified. Throws `Refused` where a stream
 * and its copy do not belong together.
 */
export async function reunite(
  database: Database,
  nc: NatsConnection,
  onProgress: OnProgress,
  { replicas = 1, patienceMs }: { replicas?: 1 | 3; patienceMs?: number } = {},
): Promise<ReuniteReport> {
  await ensureStreams(nc, { replicas });
  const before = await readPointer(database);
  const { schema, version } = before ?? (await ensureReadModel(database));
  const source = streamsOf(nc);
  const work = async (): Promise<ReuniteReport> => {
    const restored = before === null ? null : await restoreStreams(database, nc, schema, onProgress);
    const projected =
      version === READ_MODEL_VERSION ? await projectTheRest(database, schema, source, onProgress) : null;
    const verification = new HistoryVerification(source, new StreamCopy(database, schema, 'HISTORY'));
    return { restored, projected, verification: await verification.run(onProgress) };
  };
  return inPlaceOfProjector(database, schema, work, patienceMs);
}

/** Answers how many events that took. */
async function projectTheRest(
  database: Database,
  schema: string,
  source: EventSource,
  onProgress: OnProgress,
): Promise<number> {
  const tables = tablesOf(database, schema);
  const from = await openCheckpoints(database, tables, source);
  const to: Positions = { ...from };
  for (const stream of PROJECTED_STREAMS) to[stream] = (await source.state(stream)).lastSequence;
  const fill = new Fill(database, tables, source, from, onProgress);
  await fill.upTo(to);
  await database.query(
    `analyze "${schema}".tag, "${schema}".repository, "${schema}".digest_change, "${schema}".change_month`,
  );
  return sum(fill.positions) - sum(from);
}
