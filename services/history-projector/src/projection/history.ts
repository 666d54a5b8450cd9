import { EVENT_TYPES, type EventOf, type HistoryEvent } from '@dtm/events';
import type { DigestChangeRecord, TagRecord } from '@dtm/read-model';
import { isImported, type Read } from './messages.ts';
import type { WorkingSet } from './working-set.ts';

type Kind = 'baseline' | 'change' | 'disappearance' | 'return';

/**
 * Projects one message of HISTORY: a row for it, whatever it holds, and what it says about its tag. Its place in the tag's
 * timeline is found for all of a batch together: `placeHistory`.
 */
export function projectHistory(set: WorkingSet, read: Read<HistoryEvent>): void {
  if (read.event === null) {
    set.digestChanges.push(unreadableRow(read));
    return;
  }
  const tag = set.tag(read.event.data);
  const row = historyRow(tag, read, read.event);
  set.digestChanges.push(row);
  set.tell(tag, { row, event: read.event });
  // What the registry pointed to before its own history began says nothing about the present.
  if (row.imported) return;
  tag.historySequence = row.sequence;
  noteState(set, tag, read.event);
}

/** What an event was, as its own chain tells it. */
function kindOf(event: HistoryEvent): Kind {
  if (event.type === EVENT_TYPES.TagDisappeared) return 'disappearance';
  const { previous, digest } = event.data;
  if (previous === null) return 'baseline';
  return previous.digest === digest ? 'return' : 'change';
}

/**
 * What a tag points to since an event, and when that was pushed as its registry says. Of what the registry does not say so,
 * the image's own build date stands in, which is set once all rows are written.
 */
export function noteState(set: WorkingSet, tag: TagRecord, event: HistoryEvent): void {
  if (event.type === EVENT_TYPES.TagDisappeared) {
    tag.digest = null;
    tag.goneAt = new Date(event.data.observedAt);
    // Facts may come before or after this, and must leave the same.
    if (tag.lastPushedSource === 'image') dateTag(tag, null);
    set.undatedTags.delete(tag);
    return;
  }
  tag.digest = event.data.digest;
  tag.mediaType = event.data.mediaType;
  tag.goneAt = null;
  const pushedAt = pushedAtOf(event);
  dateTag(tag, pushedAt);
  if (pushedAt === null) set.undatedTags.add(tag);
  else set.undatedTags.delete(tag);
}

function dateTag(tag: TagRecord, pushedAt: Date | null): void {
  tag.lastPushedAt = pushedAt;
  tag.lastPushedSource = pushedAt === null ? null : 'registry';
}

function pushedAtOf(event: HistoryEvent): Date | null {
  return event.type === EVENT_TYPES.DigestObserved && event.data.pushedAt !== undefined
    ? new Date(event.data.pushedAt)
    : null;
}

function historyRow(tag: TagRecord, { message }: Read<HistoryEvent>, event: HistoryEvent): DigestChangeRecord {
  const { previous } = event.data;
  return {
    sequence: message.sequence,
    tagId: tag.id,
    kind: kindOf(event),
    shown: true,
    imported: isImported(message.subject),
    digest: event.type === EVENT_TYPES.DigestObserved ? event.data.digest : null,
    previousDigest: previous?.digest ?? null,
    notBefore: previous === null ? null : new Date(previous.lastSeenAt),
    observedAt: new Date(event.data.observedAt),
    pushedAt: pushedAtOf(event),
    source: sourceOf(event),
    subject: message.subject,
    event: message.data,
  };
}

/** A disappearance is told by HEAD, or by the import that its envelope names. */
function sourceOf(event: HistoryEvent): string {
  return isObserved(event) ? event.data.source : (/\/import\/(.+)$/.exec(event.source)?.[1] ?? 'head');
}

function isObserved(event: HistoryEvent): event is EventOf<'dockertagmonitor.DigestObserved.v1'> {
  return event.type === EVENT_TYPES.DigestObserved;
}

function unreadableRow({ message }: Read<HistoryEvent>): DigestChangeRecord {
  return {
    sequence: message.sequence,
    tagId: null,
    kind: null,
    shown: false,
    imported: isImported(message.subject),
    digest: null,
    previousDigest: null,
    notBefore: null,
    observedAt: null,
    pushedAt: null,
    source: null,
    subject: message.subject,
    event: message.data,
  };
}
