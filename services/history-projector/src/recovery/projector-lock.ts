import { takeLock, type Database } from '@dtm/read-model';
import { Refused } from './refused.ts';

/** How long a projector that found its stream lost is given to end. */
const PATIENCE_MS = 10_000;

/** Does some work in the place of the projector of a schema, so that nothing is projected meanwhile. */
export async function inPlaceOfProjector<T>(
  database: Database,
  schema: string,
  work: () => Promise<T>,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const lock = await takeLock({
    ...database.settings,
    subject: `projector of ${schema}`,
    signal: AbortSignal.timeout(patienceMs),
  });
  if (lock === null) {
    throw new Refused(
      'A projector is at work on these read models: stop the services (or "npm start"), then run this again.',
    );
  }
  try {
    return await work();
  } finally {
    await lock.release();
  }
}
