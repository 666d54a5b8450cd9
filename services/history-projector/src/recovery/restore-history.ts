import { ensureStreams, type NatsConnection } from '@dtm/jetstream';
import { readPointer, takeLock, type Database } from '@dtm/read-model';
import { streamsOf } from '../reading/event-source.ts';
import { Refused, type OnProgress } from './refused.ts';
import { restoreStream, type Restored } from './restore-stream.ts';
import { StreamCopy } from './stream-copy.ts';

export interface RestoreReport {
  history: Restored;
  /** Null where the read models are of a version that kept no copy of TRACKING. */
  tracking: Restored | null;
  /** Whether SCAN_LOG had to begin anew: nothing keeps a copy of it. */
  scanLogBegunAnew: boolean;
}

/** How long a projector that found its stream lost is given to end. */
const LOCK_PATIENCE_MS = 10_000;

/**
 * Brings back what NATS lost: HISTORY and TRACKING from the copies in the read models, SCAN_LOG as an empty one. Holds the
 * projector's lock, so that nothing is projected meanwhile. Throws `Refused` with what to do instead.
 */
export async function restoreHistory(
  database: Database,
  nc: NatsConnection,
  onProgress: OnProgress,
  replicas: 1 | 3 = 1,
  patienceMs = LOCK_PATIENCE_MS,
): Promise<RestoreReport> {
  const pointer = await readPointer(database);
  if (pointer === null) {
    throw new Refused('There are no read models in this database, so there is nothing to restore the streams from.');
  }
  const lock = await takeLock({
    ...database.settings,
    subject: `projector of ${pointer.schema}`,
    signal: AbortSignal.timeout(patienceMs),
  });
  if (lock === null) {
    throw new Refused(
      'A projector is at work on these read models: stop the services (or "npm start"), then run this again.',
    );
  }
  try {
    await ensureStreams(nc, { replicas });
    const source = streamsOf(nc);
    const checkpoints = `"${pointer.schema}".checkpoint`;
    const restore = (copy: StreamCopy): Promise<Restored> =>
      restoreStream({ nc, source, sql: database, copy, checkpoints, onProgress });
    const history = await restore(new StreamCopy(database, pointer.schema, 'HISTORY'));
    const trackingCopy = new StreamCopy(database, pointer.schema, 'TRACKING');
    const tracking = (await trackingCopy.exists()) ? await restore(trackingCopy) : null;
    const { created } = await source.state('SCAN_LOG');
    // What the lost scans told is in the rows already; the new stream is read from its beginning.
    const begun = await database.query<{ stream: string }>(
      `update ${checkpoints} set sequence = 0, stream_created = $1
        where stream = 'SCAN_LOG' and stream_created <> $1 returning stream`,
      [created.toISOString()],
    );
    return { history, tracking, scanLogBegunAnew: begun.length > 0 };
  } finally {
    await lock.release();
  }
}
