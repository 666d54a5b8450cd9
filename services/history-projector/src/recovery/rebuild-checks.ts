import type { Database, Sql } from '@dtm/read-model';
import { PROJECTED_STREAMS, type ProjectedStream } from '../projection/messages.ts';
import { isWhole } from '../reading/read-through.ts';
import type { EventSource } from '../reading/event-source.ts';
import { adoptScanLog } from './adopt-scan-log.ts';
import { Refused, type OnProgress } from './refused.ts';
import { areScanFactsMarked } from './scan-facts.ts';
import { firstDifference } from './stream-difference.ts';
import { StreamCopy } from './stream-copy.ts';

interface Projected {
  sequence: number;
  streamCreated: Date;
}

type KeptForEver = Exclude<ProjectedStream, 'SCAN_LOG'>;

const KEPT_FOR_EVER = PROJECTED_STREAMS.filter((stream): stream is KeptForEver => stream !== 'SCAN_LOG');

/**
 * Whether the streams can be what a schema was made from; throws `Refused` where they lack anything. Answers whether the
 * facts of scans must come from that schema, since SCAN_LOG has forgotten some, or is another stream.
 */
export async function checkStreams(
  database: Database,
  source: EventSource,
  schema: string,
  onProgress: OnProgress,
): Promise<{ carriesScans: boolean }> {
  const rows = await database.query<Projected & { stream: string }>(
    `select stream, sequence, stream_created as "streamCreated" from "${schema}".checkpoint`,
  );
  const projected = new Map(rows.map(({ stream, ...rest }) => [stream, rest]));
  for (const stream of KEPT_FOR_EVER) {
    const checkpoint = projected.get(stream);
    const state = await source.state(stream);
    if (checkpoint !== undefined && state.lastSequence < checkpoint.sequence) {
      throw refusal(stream, schema, `it ends at ${state.lastSequence}, and ${checkpoint.sequence} is projected`);
    }
    if (!isWhole(state)) {
      throw refusal(
        stream,
        schema,
        `it has ${state.messages} events, from ${state.firstSequence} to ${state.lastSequence}`,
      );
    }
    // Made at another time it may still be the same: restored from a backup, say. Then its events tell.
    if (checkpoint === undefined || checkpoint.streamCreated.getTime() === state.created.getTime()) continue;
    const copy = new StreamCopy(database, schema, stream);
    if (!(await copy.exists())) continue;
    const fault = await firstDifference(source, copy, checkpoint.sequence, onProgress);
    if (fault !== null) throw refusal(stream, schema, fault);
  }
  const standing = await adoptScanLog(database, source, schema);
  const isKept = standing !== 'begun anew' && isWhole(await source.state('SCAN_LOG'));
  return { carriesScans: !isKept || (await areScanFactsMarked(database, schema)) };
}

/** Throws `Refused` where a new schema lacks an event that the old one holds: it may be the last copy. */
export async function checkNothingLost(sql: Sql, from: string, to: string): Promise<void> {
  for (const stream of KEPT_FOR_EVER) {
    const [old, made] = [new StreamCopy(sql, from, stream), new StreamCopy(sql, to, stream)];
    if (!(await old.exists())) continue;
    const [{ lost } = { lost: null }] = await sql.query<{ lost: number | null }>(
      `select min(o.sequence) as lost from ${old.table} o left join ${made.table} n using (sequence)
        where (n.sequence is null and o.sequence <= (select max(sequence) from ${made.table}))
          or n.subject <> o.subject or n.event <> o.event`,
    );
    if (lost !== null) throw refusal(stream, from, `its event ${lost} is not the one that was projected`);
  }
}

function refusal(stream: string, schema: string, what: string): Refused {
  return new Refused(
    `The stream ${stream} is not the one that the read models were made from: ${what}. Nothing was changed, as ${schema} may be ` +
      `the last copy. If the stream was lost or cut, stop the services and run "npm run restore-history"; "npm run verify" ` +
      `names what was altered; if this is the wrong database or the wrong NATS, correct DATABASE_URL or NATS_URL.`,
  );
}
