import type { Database, Sql } from '@dtm/read-model';
import { applyBatch } from './apply-batch.ts';
import { inOrder } from './batch-order.ts';
import type { Positions } from './checkpoints.ts';
import { emptyBatch, type Batch, type ProjectedStream, type Read } from './messages.ts';
import type { Tables } from './tables.ts';

/** Told of an event that was set aside. */
export type OnSetAside = (stream: ProjectedStream, read: Read<unknown>) => void;

/** Classes of SQLSTATE: a value that PostgreSQL cannot hold, and one that is too long for what is made of it. */
const REFUSED_VALUE = /^(22|54)/;
/** A row that contradicts the rows that are there. */
const CONTRADICTION = /^23/;

/**
 * Projects a batch as `applyBatch` does. Where PostgreSQL refuses a value in it, which would stop the projection for ever,
 * each message is projected alone, and the event that is refused is set aside: like one that cannot be read, it is kept
 * byte for byte and says nothing, until a rebuild by a version that can take it. Where a row contradicts what is there, it
 * rejects naming the event, as nothing but a look at the tables mends that.
 */
export async function applyOrSetAside(
  database: Database,
  tables: Tables,
  from: Positions,
  batch: Batch,
  { wake, onSetAside }: { wake?: (sql: Sql, batch: Batch) => Promise<void>; onSetAside: OnSetAside },
): Promise<Positions> {
  const apply = (at: Positions, some: Batch): Promise<Positions> => applyBatch(database, tables, at, some, wake);
  try {
    return await apply(from, batch);
  } catch (error) {
    if (!matches(error, REFUSED_VALUE) && !matches(error, CONTRADICTION)) throw error;
  }
  let positions = from;
  for (const { stream, read } of inOrder(batch)) {
    try {
      positions = await apply(positions, only(stream, read));
    } catch (error) {
      if (!matches(error, REFUSED_VALUE)) throw matches(error, CONTRADICTION) ? named(stream, read, error) : error;
      const aside = { ...read, event: null, fault: `PostgreSQL refuses a value in it: ${error.message}` };
      positions = await apply(positions, only(stream, aside));
      onSetAside(stream, aside);
    }
  }
  return positions;
}

function only(stream: ProjectedStream, read: Read<unknown>): Batch {
  return { ...emptyBatch(), [stream]: [read] };
}

function named(stream: ProjectedStream, { message }: Read<unknown>, error: Error): Error {
  const words = `${stream} ${message.sequence} (${message.subject}) contradicts the read models: ${error.message}`;
  return new Error(words, { cause: error });
}

function matches(error: unknown, classes: RegExp): error is Error {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && classes.test(error.code);
}
