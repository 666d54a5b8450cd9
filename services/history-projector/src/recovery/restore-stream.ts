import { refillStream, type NatsConnection, type StreamSummary } from '@dtm/jetstream';
import type { Sql } from '@dtm/read-model';
import type { EventSource } from '../reading/event-source.ts';
import { Refused, type OnProgress } from './refused.ts';
import { firstDifference } from './stream-difference.ts';
import type { CopySummary, StreamCopy } from './stream-copy.ts';

export interface RestoreParts {
  nc: NatsConnection;
  source: EventSource;
  sql: Sql;
  copy: StreamCopy;
  /** `"schema".checkpoint` */
  checkpoints: string;
  onProgress: OnProgress;
}

export interface Restored {
  /** Events that were stored again. */
  refilled: number;
  /** Events in the stream now. */
  events: number;
}

const TOLD_EVERY = 1_000;

/**
 * Refills a stream from the copy that the read models keep: every event with its bytes, under its sequence. Goes on where
 * an earlier run was interrupted. Throws `Refused` where the copy has a gap, or where the stream holds anything else than
 * the beginning of the copy. Only when stream and copy are found equal is the checkpoint told that this is its stream.
 */
export async function restoreStream(parts: RestoreParts): Promise<Restored> {
  const { nc, source, copy, onProgress } = parts;
  const { stream } = copy;
  const summary = await copy.summary();
  if (summary.gap !== null) {
    throw new Refused(
      `The copy of ${stream} in ${copy.table} lacks the event ${summary.gap} of ${summary.checkpoint}, so nothing was restored: ` +
        `refill the database from a backup first, or the stream itself.`,
    );
  }
  const before = await source.state(stream);
  await checkRefillable(parts, before, summary);
  let refilled = 0;
  if (before.lastSequence < summary.last) {
    const all = summary.last;
    const last = await refillStream(nc, {
      stream,
      after: before.lastSequence,
      messages: copy.eventsAfter(before.lastSequence),
      onProgress: (sequence) => sequence % TOLD_EVERY === 0 && onProgress(`${stream} refilled`, sequence, all),
    });
    refilled = last - before.lastSequence;
    const fault = await firstDifference(source, copy, summary.last, onProgress);
    if (fault !== null) throw new Error(`${stream} was refilled and is not equal to ${copy.table}: ${fault}`);
  }
  const after = await source.state(stream);
  await adopt(parts, after, summary);
  return { refilled, events: after.messages };
}

/** Throws where the stream is anything else than the beginning of the copy, or the whole of it and more. */
async function checkRefillable(parts: RestoreParts, state: StreamSummary, summary: CopySummary): Promise<void> {
  const { source, copy, onProgress } = parts;
  const { stream } = copy;
  if (state.lastSequence === 0) return;
  const remove =
    `Nothing was changed. If what it holds may be given up, stop all services, remove the stream ` +
    `("nats stream rm ${stream}") and run this again; if it is the right stream, the database is not its own.`;
  if (state.messages === 0 || state.firstSequence > 1) {
    throw new Refused(
      `${stream} no longer begins with event 1, so its events cannot get their sequences back. ${remove}`,
    );
  }
  const fault = await firstDifference(source, copy, Math.min(state.lastSequence, summary.last), onProgress);
  if (fault !== null)
    throw new Refused(`${stream} is not the stream that the read models were made from: ${fault}. ${remove}`);
}

/** Tells the checkpoint that this is the stream it stands in from now on. */
async function adopt(
  { sql, copy, checkpoints }: RestoreParts,
  state: StreamSummary,
  summary: CopySummary,
): Promise<void> {
  const { checkpoint, streamCreated } = summary;
  if (streamCreated === null) return;
  const adopted = await sql.query<{ stream: string }>(
    `update ${checkpoints} set stream_created = $2 where stream = $1 and sequence = $3 returning stream`,
    [copy.stream, state.created.toISOString(), checkpoint],
  );
  if (adopted.length === 0) {
    throw new Refused(
      `${copy.stream} is whole, but its checkpoint moved meanwhile: a projector is at work. Stop the services and run this again.`,
    );
  }
}
