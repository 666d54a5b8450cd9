import type { Reference } from '@dtm/oci';
import type { HistoryRow } from '@dtm/registry-client';
import type { Item } from '../row.ts';

const SECOND_MS = 1000;

/** How far the rows of a tag have led. */
interface Course {
  /** Until when the last state, a digest or a gap, is known to have stood; null before the first. */
  knownUntil: Date | null;
  /** When the last row ended; null: it has not. */
  endedAt: Date | null;
}

/**
 * What a registry remembers of one tag, the oldest first, as facts with the bounds that its times give. A row that ends where
 * the next begins is a move; one that ends before is a deletion.
 */
export function* itemsOf(reference: Reference, rows: readonly HistoryRow[], now = new Date()): Generator<Item> {
  const course: Course = { knownUntil: null, endedAt: null };
  for (const row of rows.toSorted((a, b) => a.from.getTime() - b.from.getTime())) {
    if (row.from > now) {
      const reason = `"${row.from.toISOString()}" is not a time in the past`;
      yield { kind: 'refusal', refusal: { text: reference.toString(), reason } };
      continue;
    }
    if (course.endedAt !== null && course.endedAt < row.from) {
      yield* goneSince(reference, course, course.endedAt);
      // It was gone until it came back.
      if (course.knownUntil !== null) course.knownUntil = row.from;
    }
    if (row.digest !== null) {
      const { digest, from } = row;
      const observedAt = within(from);
      const { knownUntil: notBefore } = course;
      yield { kind: 'row', row: { reference, digest, observedAt, notBefore, mediaType: '', pushedAt: from } };
      course.knownUntil = row.to ?? from;
    }
    course.endedAt = row.to;
  }
  if (course.endedAt !== null) yield* goneSince(reference, course, course.endedAt);
}

function* goneSince(reference: Reference, { knownUntil }: Course, endedAt: Date): Generator<Item> {
  // Of a tag of which nothing else is known, a disappearance is no history.
  if (knownUntil === null) return;
  const observedAt = within(endedAt);
  const row = { reference, digest: null, observedAt, notBefore: knownUntil, mediaType: '', pushedAt: null };
  yield { kind: 'row', row };
}

/** The end of what a time in whole seconds may mean: whatever it tells of happened not later. */
function within(time: Date): Date {
  return time.getTime() % SECOND_MS === 0 ? new Date(time.getTime() + SECOND_MS - 1) : time;
}
