import type { Sql } from '@dtm/read-model';
import type { EventSource } from '../reading/event-source.ts';
import { BEGINNING, type Positions } from './checkpoints.ts';
import { PROJECTED_STREAMS, type ProjectedStream } from './messages.ts';
import type { Tables } from './tables.ts';

/** The stream is not the one that was projected: going on would mix two histories. */
export class ForeignStream extends Error {
  override readonly name = 'ForeignStream';
  constructor(stream: string, what: string) {
    super(
      `The stream ${stream} is not the one that the read models were made from: ${what}. ` +
        `If the streams are right, run "npm run rebuild"; if they were lost, restore them first, as the read models may be the last copy.`,
    );
    // It is told to an operator; a stack would only hide what to do.
    this.stack = this.message;
  }
}

/** SCAN_LOG forgets by age; of the others nothing may be missing. */
const COMPLETE_STREAMS: readonly ProjectedStream[] = ['HISTORY', 'MANIFESTS', 'TRACKING'];

interface Projected {
  stream: string;
  sequence: number;
  streamCreated: Date;
}

/** Where each stream is to be read from. Throws `ForeignStream`, in words, where a stream is not the one that was projected. */
export async function openCheckpoints(sql: Sql, tables: Tables, source: EventSource): Promise<Positions> {
  // Before the streams: the other way round, what is projected between the two would lie behind the stream's end.
  const projected = await sql.query<Projected>(
    `select stream, sequence, stream_created as "streamCreated" from ${tables.checkpoint}`,
  );
  const positions: Positions = { ...BEGINNING };
  const fresh: { stream: ProjectedStream; created: Date }[] = [];
  for (const stream of PROJECTED_STREAMS) {
    const state = await source.state(stream);
    const checkpoint = projected.find((one) => one.stream === stream);
    if (checkpoint === undefined) fresh.push({ stream, created: state.created });
    checkStream(checkpoint ?? { sequence: 0, streamCreated: state.created }, { stream, ...state });
    positions[stream] = checkpoint?.sequence ?? 0;
  }
  if (fresh.length > 0) {
    await sql.query(
      `insert into ${tables.checkpoint} (stream, sequence, stream_created)
        select n.stream, 0, n.created from unnest($1::text[], $2::timestamptz[]) as n(stream, created) on conflict do nothing`,
      [fresh.map(({ stream }) => stream), fresh.map(({ created }) => created.toISOString())],
    );
  }
  return positions;
}

function checkStream(
  checkpoint: Omit<Projected, 'stream'>,
  state: { stream: ProjectedStream; created: Date; firstSequence: number; lastSequence: number },
): void {
  const { stream, created, firstSequence, lastSequence } = state;
  if (created.getTime() !== checkpoint.streamCreated.getTime()) {
    const made = `it was made at ${created.toISOString()}, that one at ${checkpoint.streamCreated.toISOString()}`;
    throw new ForeignStream(stream, made);
  }
  if (checkpoint.sequence > lastSequence) {
    throw new ForeignStream(stream, `it ends at ${lastSequence}, and ${checkpoint.sequence} is projected already`);
  }
  if (
    COMPLETE_STREAMS.includes(stream) &&
    firstSequence > checkpoint.sequence + 1 &&
    lastSequence > checkpoint.sequence
  ) {
    throw new ForeignStream(stream, `it begins at ${firstSequence}, and only ${checkpoint.sequence} is projected`);
  }
}
