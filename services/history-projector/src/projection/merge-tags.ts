import { decodeHistory, EVENT_TYPES, type HistoryEvent } from '@dtm/events';
import type { ChangeMonthRecord, Sql, TagRecord } from '@dtm/read-model';
import { kindOf, noteState } from './history.ts';
import { mergeTimeline, type MergedEntry } from './merge-timeline.ts';
import type { Tables } from './tables.ts';
import { monthOf, type WorkingSet } from './working-set.ts';

interface StoredEntry {
  sequence: number;
  tagId: number;
  imported: boolean;
  event: Uint8Array;
}

/** Works out anew the timelines of tags with imported history, once all rows of the batch are written. */
export async function mergeTags(sql: Sql, tables: Tables, set: WorkingSet): Promise<void> {
  if (set.mergedTags.size === 0) return;
  const ids = [...set.mergedTags].map(({ id }) => id);
  const stored = await sql.query<StoredEntry>(
    `select sequence, tag_id as "tagId", imported, event from ${tables.digestChange.name} where tag_id = any($1)`,
    [ids],
  );
  const byTag = Map.groupBy(stored, ({ tagId }) => tagId);
  const merged: MergedEntry[] = [];
  const months: ChangeMonthRecord[] = [];
  for (const tag of set.mergedTags) {
    const events = (byTag.get(tag.id) ?? []).map((entry) => ({ ...entry, event: decodeHistory(entry.event) }));
    const timeline = mergeTimeline(events.map(recordedEntry));
    merged.push(...timeline);
    months.push(...changesByMonth(tag, timeline));
    noteTimeline(set, tag, timeline);
    if (tag.historySequence === 0)
      noteImportedState(set, tag, timeline, new Map(events.map((entry) => [entry.sequence, entry.event])));
  }
  await updateRows(sql, tables, merged);
  await sql.query(`delete from ${tables.changeMonth.name} where tag_id = any($1)`, [ids]);
  await tables.changeMonth.write(sql, months, 'fail');
}

function recordedEntry({ sequence, imported, event }: { sequence: number; imported: boolean; event: HistoryEvent }) {
  const { previous } = event.data;
  return {
    sequence,
    imported,
    observedAt: new Date(event.data.observedAt),
    digest: kindOf(event) === 'disappearance' ? null : digestOf(event),
    previous: previous === null ? null : { digest: previous.digest, lastSeenAt: new Date(previous.lastSeenAt) },
  };
}

function digestOf(event: HistoryEvent): string | null {
  return event.type === EVENT_TYPES.DigestObserved ? event.data.digest : null;
}

function noteTimeline(set: WorkingSet, tag: TagRecord, timeline: readonly MergedEntry[]): void {
  const shown = timeline.filter((entry) => entry.shown);
  const changes = shown.filter(({ kind }) => kind === 'change');
  const repository = set.repository(tag);
  repository.changes += changes.length - tag.changeCount;
  set.changedRepositories.add(repository);
  tag.entryCount = shown.length;
  tag.changeCount = changes.length;
  tag.baselineAt = shown[0]?.observedAt ?? null;
  tag.lastChangedAt = changes.at(-1)?.observedAt ?? null;
}

/** A tag that is known from an import alone points to what the import says last. */
function noteImportedState(
  set: WorkingSet,
  tag: TagRecord,
  timeline: readonly MergedEntry[],
  events: ReadonlyMap<number, HistoryEvent>,
): void {
  const last = timeline.at(-1);
  const event = last === undefined ? undefined : events.get(last.sequence);
  if (last === undefined || event === undefined) return;
  // Nothing of what an earlier batch knew of it: imports may come in any order.
  tag.lastPushedAt = null;
  tag.lastPushedSource = null;
  noteState(set, tag, event);
}

function changesByMonth(tag: TagRecord, timeline: readonly MergedEntry[]): ChangeMonthRecord[] {
  const changes = timeline.filter(({ shown, kind }) => shown && kind === 'change');
  const months = Map.groupBy(changes, ({ observedAt }) => monthOf(observedAt));
  return [...months].map(([month, { length }]) => ({ tagId: tag.id, month, changes: length }));
}

async function updateRows(sql: Sql, tables: Tables, merged: readonly MergedEntry[]): Promise<void> {
  await sql.query(
    `update ${tables.digestChange.name} c
      set kind = n.kind, shown = n.shown, previous_digest = n.previous_digest, not_before = n.not_before
      from unnest($1::bigint[], $2::text[], $3::boolean[], $4::text[], $5::timestamptz[])
        as n(sequence, kind, shown, previous_digest, not_before)
      where c.sequence = n.sequence
        and (c.kind, c.shown, c.previous_digest, c.not_before)
          is distinct from (n.kind, n.shown, n.previous_digest, n.not_before)`,
    [
      merged.map(({ sequence }) => sequence),
      merged.map(({ kind }) => kind),
      merged.map(({ shown }) => shown),
      merged.map(({ previousDigest }) => previousDigest),
      merged.map(({ notBefore }) => notBefore?.toISOString() ?? null),
    ],
  );
}
