import {
  dropOlderGenerations,
  makeGeneration,
  readPointer,
  switchPointer,
  takeLock,
  type Database,
  type Sql,
} from '@dtm/read-model';
import { BEGINNING, type Positions } from '../projection/checkpoints.ts';
import { PROJECTED_STREAMS } from '../projection/messages.ts';
import { openCheckpoints } from '../projection/open-checkpoints.ts';
import { tablesOf } from '../projection/tables.ts';
import type { EventSource } from '../reading/event-source.ts';
import { Fill, sum } from './fill.ts';
import { postponeIndexes } from './postponed-indexes.ts';
import { checkNothingLost, checkStreams } from './rebuild-checks.ts';
import { AnotherRebuild, Refused, type OnProgress } from './refused.ts';
import { carryScanFacts, forgetOldHours } from './scan-facts.ts';

export interface RebuildReport {
  /** The schema that served, and is kept until the next rebuild. */
  from: string;
  /** The schema that serves now. */
  to: string;
  /** Events that were projected. */
  events: number;
  /** Whether the facts of scans came from the old schema, as SCAN_LOG no longer holds all of them. */
  carriedScans: boolean;
  /** Older schemas that were dropped. */
  dropped: string[];
}

/** So near to the projector, the rest is projected while it waits. */
const SMALL_LAG = 1_000;
const ROUNDS_MAX = 20;

/**
 * Fills a new schema from the streams beside the one that serves, then switches to it in one transaction. The new one goes
 * exactly as far as the old one at that moment: the projector waits for the switch on its checkpoints, and goes on in the
 * new schema. Throws `Refused`, with nothing changed, where the streams lack anything that the old schema holds.
 */
export async function rebuild(database: Database, source: EventSource, onProgress: OnProgress): Promise<RebuildReport> {
  const alone = new AbortController();
  const lock = await takeLock({
    ...database.settings,
    subject: 'rebuild',
    onWaiting: () => alone.abort(),
    signal: alone.signal,
  });
  if (lock === null) throw new AnotherRebuild();
  try {
    return await rebuildAlone(database, source, onProgress, lock.lost);
  } finally {
    await lock.release();
  }
}

async function rebuildAlone(
  database: Database,
  source: EventSource,
  onProgress: OnProgress,
  lost: AbortSignal,
): Promise<RebuildReport> {
  const pointer = await readPointer(database);
  if (pointer === null) {
    throw new Refused(
      'There are no read models yet, so there is nothing to rebuild: the history-projector makes the first ones.',
    );
  }
  const from = pointer.schema;
  const { carriesScans } = await checkStreams(database, source, from, onProgress);
  const to = await makeGeneration(database);
  const indexes = await postponeIndexes(database, to);
  const tables = tablesOf(database, to);
  const start = await openCheckpoints(database, tables, source);
  const fill = new Fill(database, tables, source, start, onProgress);
  const goal = (positions: Positions): Positions => (carriesScans ? { ...positions, SCAN_LOG: 0 } : positions);
  for (let round = 1; round <= ROUNDS_MAX; round++) {
    const target = goal(await positionsOf(database, from));
    const left = sum(target) - sum(fill.positions);
    if (round > 1 && left <= SMALL_LAG) break;
    await fill.upTo(target);
    lost.throwIfAborted();
    for (const index of indexes.splice(0)) await database.query(index);
  }
  await database.query(
    `analyze "${to}".tag, "${to}".repository, "${to}".digest_change, "${to}".change_month, "${to}".manifest`,
  );
  await checkNothingLost(database, from, to);
  await database.transaction(async (sql) => {
    // The projector waits here: its next batch would be in the old schema only.
    const last = await positionsOf(sql, from, 'for update');
    await fill.upTo(goal(last));
    const behind = PROJECTED_STREAMS.find((stream) => fill.positions[stream] !== goal(last)[stream]);
    if (behind !== undefined) {
      throw new Refused(
        `${behind} ends at ${fill.positions[behind]}, and ${from} has projected ${last[behind]}: run "npm run verify".`,
      );
    }
    if (carriesScans) await carryScanFacts(sql, from, to);
    else await forgetOldHours(sql, from, to);
    await settleCheckpoints(sql, from, to, carriesScans);
    await freeze(sql, from);
    await switchPointer(sql, from, to);
    lost.throwIfAborted();
  });
  const dropped = await dropOlderGenerations(database, from);
  return { from, to, events: sum(fill.positions), carriedScans: carriesScans, dropped };
}

async function positionsOf(sql: Sql, schema: string, lock: '' | 'for update' = ''): Promise<Positions> {
  const rows = await sql.query<{ stream: keyof Positions; sequence: number }>(
    `select stream, sequence from "${schema}".checkpoint order by stream ${lock}`,
  );
  const positions: Positions = { ...BEGINNING };
  for (const { stream, sequence } of rows) positions[stream] = sequence;
  return positions;
}

/**
 * Lets no projector write to a schema any more, of whatever version it is: where a checkpoint is missing, its next batch
 * finds a rival. Otherwise the batch that waits for the switch would still go there, and who reads would be shown it and,
 * in the new schema, for a moment not. The checkpoint is the one of which no page tells.
 */
async function freeze(sql: Sql, schema: string): Promise<void> {
  await sql.query(`delete from "${schema}".checkpoint where stream = 'MANIFESTS'`);
}

/** Takes over when the newest events happened, and of carried scans how far their stream is projected. */
async function settleCheckpoints(sql: Sql, from: string, to: string, carriesScans: boolean): Promise<void> {
  await sql.query(
    `update "${to}".checkpoint n set event_at = o.event_at, projected_at = o.projected_at,
        sequence = case when $1 and n.stream = 'SCAN_LOG' and n.stream_created = o.stream_created then o.sequence else n.sequence end
      from "${from}".checkpoint o where o.stream = n.stream`,
    [carriesScans],
  );
}
