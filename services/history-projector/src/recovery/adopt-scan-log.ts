import type { ScanLogEvent } from '@dtm/events';
import type { StreamSummary } from '@dtm/jetstream';
import type { Sql } from '@dtm/read-model';
import { readScanLog } from '../projection/messages.ts';
import type { EventSource } from '../reading/event-source.ts';
import { readThrough } from '../reading/read-through.ts';
import { Refused } from './refused.ts';
import { markScanFacts } from './scan-facts.ts';

/** What the stream SCAN_LOG is to the read models. */
export type ScanLogStanding = 'the same' | 'restored' | 'begun anew';

interface Checkpoint {
  sequence: number;
  streamCreated: Date;
  eventAt: Date | null;
}

interface Scan {
  sequence: number;
  scanId: string;
  finishedAt: Date;
}

/** So many of the newest projected scans are compared: no other log has the same ones. */
const COMPARED = 10_000;

/**
 * Puts the checkpoint of SCAN_LOG where the log that is there now goes on. No copy of it is kept, so its scans are compared
 * with what the read models know of each repository: a log that was restored from a backup holds them, and none of them must
 * be counted twice; one that begins behind them was begun anew, and is read from its beginning. Throws `Refused` where it
 * is neither. To be called only when HISTORY and TRACKING were found to be those of the read models.
 */
export async function adoptScanLog(sql: Sql, source: EventSource, schema: string): Promise<ScanLogStanding> {
  const [checkpoint] = await sql.query<Checkpoint>(
    `select sequence, stream_created as "streamCreated", event_at as "eventAt" from "${schema}".checkpoint
      where stream = 'SCAN_LOG'`,
  );
  const state = await source.state('SCAN_LOG');
  if (checkpoint === undefined || checkpoint.streamCreated.getTime() === state.created.getTime()) return 'the same';
  const anew = await beginsBehind(source, state, checkpoint);
  const sequence = anew ? 0 : Math.min(checkpoint.sequence, state.lastSequence);
  if (!anew) await compare(sql, source, schema, { state, checkpoint, through: sequence });
  // What is no longer in the log is in these rows alone.
  if (sequence < checkpoint.sequence) await markScanFacts(sql, schema);
  const moved = await sql.query<{ stream: string }>(
    `update "${schema}".checkpoint set sequence = $2, stream_created = $1
      where stream = 'SCAN_LOG' and sequence = $3 returning stream`,
    [state.created.toISOString(), sequence, checkpoint.sequence],
  );
  if (moved.length === 0) {
    throw new Refused('The checkpoint of SCAN_LOG moved meanwhile: stop the services and run this again.');
  }
  return anew ? 'begun anew' : 'restored';
}

/** Whether the log holds nothing but scans that ended after all that are projected. */
async function beginsBehind(source: EventSource, state: StreamSummary, { eventAt }: Checkpoint): Promise<boolean> {
  if (state.lastSequence === 0) return true;
  if (eventAt === null) return true;
  for await (const message of readThrough(source, 'SCAN_LOG', state.firstSequence - 1, state.lastSequence)) {
    const { event } = readScanLog(message);
    if (event !== null) return new Date(event.data.finishedAt) > eventAt;
  }
  return false;
}

/** Throws where the log holds other scans than those that are projected. */
async function compare(
  sql: Sql,
  source: EventSource,
  schema: string,
  { state, checkpoint, through }: { state: StreamSummary; checkpoint: Checkpoint; through: number },
): Promise<void> {
  const scans = new Map<string, Scan>();
  for await (const message of readThrough(
    source,
    'SCAN_LOG',
    Math.max(state.firstSequence - 1, through - COMPARED),
    through,
  )) {
    const { event } = readScanLog(message);
    if (event !== null) scans.set(nameOf(event), scanOf(message.sequence, event));
  }
  const known = await sql.query<{ name: string; scanId: string | null; at: Date | null }>(
    `select registry || '/' || repository as name, last_scan_id as "scanId",
        greatest(last_scanned_at, last_failed_at) as at
      from "${schema}".repository where registry || '/' || repository = any($1)`,
    [[...scans.keys()]],
  );
  const repositories = new Map(known.map((row) => [row.name, row]));
  // A backup of an older day lacks the newest scans; then each repository must have been scanned later still.
  const whole = state.lastSequence >= checkpoint.sequence;
  for (const [name, scan] of scans) {
    const row = repositories.get(name);
    const later = row?.at != null && row.at > scan.finishedAt;
    if (row?.scanId === scan.scanId || (!whole && later)) continue;
    throw new Refused(
      `SCAN_LOG is not the log that the read models were made from: of ${name} its scan ${scan.sequence} is not the one that ` +
        `is projected. HISTORY and TRACKING are theirs. If what SCAN_LOG holds may be given up, stop all services, remove it ` +
        `("nats stream rm SCAN_LOG") and run this again: what scans told until then stays in the read models.`,
    );
  }
}

function nameOf({ data }: ScanLogEvent): string {
  return `${data.registry}/${data.repository}`;
}

function scanOf(sequence: number, { data }: ScanLogEvent): Scan {
  return { sequence, scanId: data.scanId, finishedAt: new Date(data.finishedAt) };
}
