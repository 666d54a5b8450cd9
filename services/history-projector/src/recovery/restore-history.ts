import { ensureStreams, type NatsConnection } from '@dtm/jetstream';
import { readPointer, type Database } from '@dtm/read-model';
import { streamsOf } from '../reading/event-source.ts';
import { adoptScanLog, type ScanLogStanding } from './adopt-scan-log.ts';
import { inPlaceOfProjector } from './projector-lock.ts';
import { Refused, type OnProgress } from './refused.ts';
import { restoreStream, type Restored } from './restore-stream.ts';
import { StreamCopy, type CopiedStream } from './stream-copy.ts';

export interface RestoreReport {
  history: Restored;
  /** Null where the read models are of a version that kept no copy of TRACKING. */
  tracking: Restored | null;
  /** Null where the read models are of a version that kept no copy of MANIFESTS. */
  manifests: Restored | null;
  /** Nothing keeps a copy of SCAN_LOG: a lost one begins anew. */
  scanLog: ScanLogStanding;
}

/**
 * Brings back what NATS lost: HISTORY, TRACKING and MANIFESTS from the copies in the read models, SCAN_LOG as an empty one.
 * Holds the projector's lock, so that nothing is projected meanwhile. Throws `Refused` with what to do instead.
 */
export async function restoreHistory(
  database: Database,
  nc: NatsConnection,
  onProgress: OnProgress,
  replicas: 1 | 3 = 1,
  patienceMs?: number,
): Promise<RestoreReport> {
  const pointer = await readPointer(database);
  if (pointer === null) {
    throw new Refused('There are no read models in this database, so there is nothing to restore the streams from.');
  }
  const { schema } = pointer;
  const work = async (): Promise<RestoreReport> => {
    await ensureStreams(nc, { replicas });
    return restoreStreams(database, nc, schema, onProgress);
  };
  return inPlaceOfProjector(database, schema, work, patienceMs);
}

/**
 * Makes the streams and the read models of a schema one pair again: what a stream lacks is refilled, what it holds is
 * compared byte for byte, and only then are the checkpoints told that these are their streams. To be called in the place
 * of the projector.
 */
export async function restoreStreams(
  database: Database,
  nc: NatsConnection,
  schema: string,
  onProgress: OnProgress,
): Promise<RestoreReport> {
  const source = streamsOf(nc);
  const checkpoints = `"${schema}".checkpoint`;
  const restore = async (stream: CopiedStream): Promise<Restored | null> => {
    const copy = new StreamCopy(database, schema, stream);
    if (!(await copy.exists())) return null;
    return restoreStream({ nc, source, sql: database, copy, checkpoints, onProgress });
  };
  const history = await restore('HISTORY');
  if (history === null) throw new Error(`${schema} has no table digest_change`);
  const [tracking, manifests] = [await restore('TRACKING'), await restore('MANIFESTS')];
  return { history, tracking, manifests, scanLog: await adoptScanLog(database, source, schema) };
}
