import {
  encode,
  EVENT_TYPES,
  hashOf,
  SUBJECTS,
  tagEventId,
  type DigestObserved,
  type TagDisappeared,
} from '@dtm/events';
import type { Reference } from '@dtm/oci';
import type { ImportedHead } from './known-imports.ts';
import type { ImportedRow } from './row.ts';

/** One tag's imported history, to which one event after another is added. */
export class TagChain {
  readonly subject: string;
  readonly #reference: Reference;
  readonly #text: string;
  readonly #source: string;
  #head: ImportedHead | null;

  /** `head`: what earlier imports left; `source`: the name of this one. */
  constructor(reference: Reference, head: (subject: string) => ImportedHead | null, source: string) {
    this.subject = SUBJECTS.imported(reference);
    this.#reference = reference;
    this.#text = reference.toString();
    this.#source = source;
    this.#head = head(this.subject);
  }

  /** Sequence of the last event; 0: there is none. */
  get sequence(): number {
    return this.#head?.sequence ?? 0;
  }

  /** Whether a row only repeats the last event. An earlier import may have seen the row of which this is a repetition. */
  repeats(row: ImportedRow): boolean {
    const head = this.#head;
    if (head === null || head.observedAt !== head.latestAt || head.observedAt > row.observedAt.toISOString())
      return false;
    return row.digest === null ? head.gone : !head.gone && head.digest === row.digest;
  }

  /** The event that tells of a row, linked to the last one; `before`: the source's row before. */
  eventOf(row: ImportedRow, before: ImportedRow | null): Uint8Array {
    const { registry, repository, tag } = this.#reference;
    const observedAt = row.observedAt.toISOString();
    const previous = this.#previousOf(row, before);
    const envelope = {
      id: tagEventId(this.#text, this.sequence),
      source: `/docker-tag-monitor/import/${this.#source}`,
      subject: this.#text,
      time: observedAt,
    };
    if (row.digest === null) {
      if (previous === null) throw new Error(`${this.#text}: it was gone before it came`);
      const data: TagDisappeared = { registry, repository, tag, observedAt, previous };
      return encode({ ...envelope, type: EVENT_TYPES.TagDisappeared, data });
    }
    const data: DigestObserved = {
      registry,
      repository,
      tag,
      digest: row.digest,
      mediaType: row.mediaType,
      observedAt,
      source: this.#source,
      previous,
      ...(this.#head?.gone === true ? { reappeared: true } : {}),
      ...(row.pushedAt === null ? {} : { pushedAt: row.pushedAt.toISOString() }),
    };
    return encode({ ...envelope, type: EVENT_TYPES.DigestObserved, data });
  }

  /** The row's event was stored under a sequence. */
  noteAppended(row: ImportedRow, bytes: Uint8Array, sequence: number): void {
    const observedAt = row.observedAt.toISOString();
    const before = this.#head?.latestAt ?? observedAt;
    this.#head = {
      sequence,
      hash: hashOf(bytes),
      digest: row.digest ?? this.#head?.digest ?? '',
      gone: row.digest === null,
      observedAt,
      latestAt: observedAt > before ? observedAt : before,
    };
  }

  /**
   * The link is to the chain's last event, the bound to what the source saw last before this row; where it does not say, to
   * what the chain saw. A later import may bring earlier facts, of which no bound can lie after the fact.
   */
  #previousOf(row: ImportedRow, before: ImportedRow | null): DigestObserved['previous'] {
    const head = this.#head;
    if (head === null) return null;
    const seen = row.notBefore ?? before?.observedAt ?? new Date(head.observedAt);
    const lastSeenAt = new Date(Math.min(seen.getTime(), row.observedAt.getTime())).toISOString();
    return { digest: head.digest, lastSeenAt, sequence: head.sequence, hash: head.hash };
  }
}
