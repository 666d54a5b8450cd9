import { decodeHistory, EVENT_TYPES, type HistoryEvent } from '@dtm/events';
import type { DigestChangeRecord, Sql, TagRecord } from '@dtm/read-model';
import { noteState } from './history.ts';
import { later } from './instants.ts';
import { mergeTimeline, type MergedEntry, type RecordedEntry, type TimelineState } from './merge-timeline.ts';
import type { Tables } from './tables.ts';
import type { ToldEntry, WorkingSet } from './working-set.ts';

/** What a batch tells of a tag with imported history. */
interface Told {
  tag: TagRecord;
  entries: readonly ToldEntry[];
}

/** The last entry of a tag's timeline as it is stored. */
interface LastEntry {
  tagId: number;
  observedAt: Date;
  digest: string | null;
  previousDigest: string | null;
}

interface StoredEntry {
  sequence: number;
  tagId: number;
  imported: boolean;
  event: Uint8Array;
}

/**
 * Places what the batch tells of each tag in the tag's timeline, and counts it, before its rows are written. Live history
 * follows in the order of its stream. Where some of it is imported, both are merged by time: mostly the batch's part lies
 * behind all that is stored, of which the last entry says enough; where it does not, the stored events are read again.
 */
export async function placeHistory(sql: Sql, tables: Tables, set: WorkingSet): Promise<void> {
  const merged: Told[] = [];
  for (const [tag, entries] of set.history) {
    if (tag.imported || entries.some(({ row }) => row.imported)) merged.push({ tag, entries });
    else for (const { row } of entries) count(set, tag, row);
  }
  const lasts = await loadLastEntries(sql, tables, merged);
  const amongStored: Told[] = [];
  for (const told of merged) {
    const last = lasts.get(told.tag.id);
    const follows = last === undefined || (told.tag.imported && told.entries.every((entry) => isBehind(entry, last)));
    told.tag.imported = true;
    if (follows) placeBehind(set, told, last);
    else amongStored.push(told);
  }
  await placeAmongStored(sql, tables, set, amongStored);
}

/** By tag, of those that have any. */
async function loadLastEntries(sql: Sql, tables: Tables, told: readonly Told[]): Promise<Map<number, LastEntry>> {
  const tags = told.filter(({ tag }) => tag.entryCount > 0).map(({ tag }) => tag.id);
  if (tags.length === 0) return new Map();
  // In the order of `mergeTimeline`; in two parts, as the index has hidden entries apart.
  const order = 'order by observed_at desc, sequence desc limit 1';
  const last = (which: string): string =>
    `(select observed_at, sequence, digest, previous_digest from ${tables.digestChange.name}
      where tag_id = t.id and ${which} ${order})`;
  const rows = await sql.query<LastEntry>(
    `select t.id as "tagId", c.observed_at as "observedAt", c.digest, c.previous_digest as "previousDigest"
      from unnest($1::bigint[]) as t(id)
      cross join lateral (select * from (${last('shown')} union all ${last('not shown')}) as lasts ${order}) as c`,
    [tags],
  );
  return new Map(rows.map((row) => [row.tagId, row]));
}

function isBehind({ event }: ToldEntry, last: LastEntry): boolean {
  return new Date(event.data.observedAt) > last.observedAt;
}

/** Places what lies behind all that is stored. */
function placeBehind(set: WorkingSet, { tag, entries }: Told, last: LastEntry | undefined): void {
  const timeline = mergeTimeline(entries.map(recordedOf), last === undefined ? undefined : stateAfter(last));
  const own = bySequence(entries);
  for (const merged of timeline) {
    placeRow(own.get(merged.sequence), merged);
    count(set, tag, merged);
  }
  noteImportedState(set, tag, timeline, own);
}

function stateAfter({ observedAt, digest, previousDigest }: LastEntry): TimelineState {
  return { digest: digest ?? previousDigest, gone: digest === null, confirmedAt: observedAt };
}

/** Works out anew the timelines of tags of which something lies among or before what is stored. */
async function placeAmongStored(sql: Sql, tables: Tables, set: WorkingSet, told: readonly Told[]): Promise<void> {
  if (told.length === 0) return;
  const ids = told.map(({ tag }) => tag.id);
  const stored = await sql.query<StoredEntry>(
    `select sequence, tag_id as "tagId", imported, event from ${tables.digestChange.name} where tag_id = any($1)`,
    [ids],
  );
  const storedOf = Map.groupBy(stored, ({ tagId }) => tagId);
  const moved: MergedEntry[] = [];
  for (const { tag, entries } of told) {
    const before = (storedOf.get(tag.id) ?? []).map((row) => ({ row, event: decodeHistory(row.event) }));
    const timeline = mergeTimeline([...before, ...entries].map(recordedOf));
    startAnew(set, tag);
    const own = bySequence(entries);
    for (const merged of timeline) {
      if (!placeRow(own.get(merged.sequence), merged)) moved.push(merged);
      count(set, tag, merged);
    }
    noteImportedState(set, tag, timeline, bySequence([...before, ...entries]));
  }
  await Promise.all([
    updateRows(sql, tables, moved),
    sql.query(`delete from ${tables.changeMonth.name} where tag_id = any($1)`, [ids]),
  ]);
}

function bySequence<Entry extends { row: { sequence: number } }>(entries: readonly Entry[]): Map<number, Entry> {
  return new Map(entries.map((entry) => [entry.row.sequence, entry]));
}

function recordedOf(entry: { row: { sequence: number; imported: boolean }; event: HistoryEvent }): RecordedEntry {
  const { row, event } = entry;
  const { previous, observedAt } = event.data;
  const gone = event.type === EVENT_TYPES.DigestObserved && event.data.reappeared === true;
  return {
    sequence: row.sequence,
    imported: row.imported,
    observedAt: new Date(observedAt),
    digest: event.type === EVENT_TYPES.DigestObserved ? event.data.digest : null,
    previous: previous === null ? null : { digest: previous.digest, gone, lastSeenAt: new Date(previous.lastSeenAt) },
  };
}

/** Gives the row of an entry, where it is still to be written, what the timeline tells instead of its own chain. */
function placeRow(entry: ToldEntry | undefined, { kind, shown, previousDigest, notBefore }: MergedEntry): boolean {
  if (entry === undefined) return false;
  Object.assign(entry.row, { kind, shown, previousDigest, notBefore });
  return true;
}

/** Counts one more entry at the end of a tag's timeline. */
function count(
  set: WorkingSet,
  tag: TagRecord,
  { kind, shown, observedAt }: Pick<DigestChangeRecord, 'kind' | 'shown' | 'observedAt'>,
): void {
  if (!shown || observedAt === null) return;
  tag.entryCount += 1;
  tag.baselineAt ??= observedAt;
  if (kind !== 'change') return;
  const repository = set.repository(tag);
  repository.changes += 1;
  set.changedRepositories.add(repository);
  tag.changeCount += 1;
  tag.lastChangedAt = later(tag.lastChangedAt, observedAt);
  set.countChange(tag, observedAt);
}

/** Forgets what was counted of a tag's timeline. */
function startAnew(set: WorkingSet, tag: TagRecord): void {
  const repository = set.repository(tag);
  repository.changes -= tag.changeCount;
  set.changedRepositories.add(repository);
  tag.entryCount = 0;
  tag.changeCount = 0;
  tag.baselineAt = null;
  tag.lastChangedAt = null;
}

/** A tag that is known from an import alone points to what the import says last. */
function noteImportedState(
  set: WorkingSet,
  tag: TagRecord,
  timeline: readonly MergedEntry[],
  entries: ReadonlyMap<number, { event: HistoryEvent }>,
): void {
  if (tag.historySequence > 0) return;
  const note = (told: MergedEntry | undefined): void => {
    const entry = told === undefined ? undefined : entries.get(told.sequence);
    if (entry === undefined) return;
    // Nothing of what was known before: imports may come in any order.
    tag.lastPushedAt = null;
    tag.lastPushedSource = null;
    noteState(set, tag, entry.event);
  };
  // Of a tag that is gone too, what it was.
  note(timeline.findLast(({ kind }) => kind !== 'disappearance'));
  note(timeline.at(-1));
}

async function updateRows(sql: Sql, tables: Tables, moved: readonly MergedEntry[]): Promise<void> {
  await sql.query(
    `update ${tables.digestChange.name} c
      set kind = n.kind, shown = n.shown, previous_digest = n.previous_digest, not_before = n.not_before
      from unnest($1::bigint[], $2::text[], $3::boolean[], $4::text[], $5::timestamptz[])
        as n(sequence, kind, shown, previous_digest, not_before)
      where c.sequence = n.sequence
        and (c.kind, c.shown, c.previous_digest, c.not_before)
          is distinct from (n.kind, n.shown, n.previous_digest, n.not_before)`,
    [
      moved.map(({ sequence }) => sequence),
      moved.map(({ kind }) => kind),
      moved.map(({ shown }) => shown),
      moved.map(({ previousDigest }) => previousDigest),
      moved.map(({ notBefore }) => notBefore?.toISOString() ?? null),
    ],
  );
}
