import type { Database, Sql } from '@dtm/read-model';
import { inOrder, type Step } from './batch-order.ts';
import { moveCheckpoints, type Positions } from './checkpoints.ts';
import { projectHistory } from './history.ts';
import { loadRows } from './load.ts';
import { projectManifest, writeManifests } from './manifests.ts';
import type { Batch } from './messages.ts';
import { notify } from './notices.ts';
import { projectScan } from './scans.ts';
import { pruneTagGaps } from './prune-tag-gaps.ts';
import type { Tables } from './tables.ts';
import { placeHistory } from './timelines.ts';
import { projectTracking } from './tracking.ts';
import { isUnreachable } from './unreachable.ts';
import { WorkingSet } from './working-set.ts';

/**
 * Projects a batch in one transaction: checkpoints, then rows, then the wake-up. A number of statements that does not
 * depend on the batch's size. `wake` may be replaced where nobody reads these tables yet. Returns the new positions; throws `RivalProjector`, or whatever PostgreSQL has to say, with
 * nothing changed.
 */
export function applyBatch(
  database: Database,
  tables: Tables,
  from: Positions,
  batch: Batch,
  wake: (sql: Sql, batch: Batch) => Promise<void> = notify,
): Promise<Positions> {
  return database.transaction(async (sql) => {
    const { to, lastIds } = await moveCheckpoints(sql, tables, from, batch);
    const set = new WorkingSet(await loadRows(sql, tables, batch), lastIds);
    for (const step of inOrder(batch)) project(set, step);
    await placeHistory(sql, tables, set);
    await write(sql, tables, set);
    await wake(sql, batch);
    return to;
  });
}

function project(set: WorkingSet, { stream, read }: Step): void {
  if (stream === 'TRACKING') projectTracking(set, read);
  else if (stream === 'HISTORY') projectHistory(set, read);
  else if (stream === 'SCAN_LOG') projectScan(set, read);
  else projectManifest(set, read);
}

/** Each statement is made while PostgreSQL works on the one before. They are carried out in this order. */
async function write(sql: Sql, tables: Tables, set: WorkingSet): Promise<void> {
  await Promise.all([
    tables.repository.write(sql, [...set.changedRepositories], 'replace'),
    tables.tag.write(sql, [...set.changedTags], 'replace'),
    tables.digestChange.write(sql, set.digestChanges, 'fail'),
    tables.changeMonth.write(sql, set.changeMonths(), 'add'),
    tables.trackingEvent.write(sql, set.trackingEvents, 'fail'),
    writeManifests(sql, tables, set),
    turnTags(sql, tables, set),
    tables.scanDay.write(sql, set.scanDays(), 'add'),
    tables.scanHour.write(sql, set.scanHours(), 'add'),
    tables.scanGap.write(sql, set.scanGaps, 'replace'),
    tables.tagGap.write(sql, set.tagGaps, 'replace'),
    pruneTagGaps(sql, tables, set),
  ]);
}

/** Passes on to all tags of a repository that it became unreachable, or reachable again. */
async function turnTags(sql: Sql, tables: Tables, { turnedRepositories }: WorkingSet): Promise<void> {
  if (turnedRepositories.size === 0) return;
  const turned = [...turnedRepositories];
  await sql.query(
    `update ${tables.tag.name} t set repository_unreachable = n.unreachable
      from unnest($1::bigint[], $2::boolean[]) as n(id, unreachable)
      where t.repository_id = n.id and t.repository_unreachable <> n.unreachable`,
    [turned.map(({ id }) => id), turned.map(isUnreachable)],
  );
}
