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
import type { ImportedHead, KnownImports } from './known-imports.ts';
import type { ImportedRow } from './row.ts';
import type { TagFacts } from './tag-facts.ts';

/** Before there were tags: a bound that every change keeps. */
const ANY_TIME = new Date(0);

/** One tag's imported history, to which one event after another is added. */
export class TagChain {
  readonly subject: string;
  readonly #reference: Reference;
  readonly #text: string;
  readonly #source: string;
  readonly #facts: TagFacts;
  #head: ImportedHead | null;

  /** `source`: the name of the import. */
  constructor(reference: Reference, known: KnownImports, source: string) {
    this.subject = SUBJECTS.imported(reference);
    this.#reference = reference;
    this.#text = reference.toString();
    this.#source = source;
    this.#facts = known.facts(this.subject);
    this.#head = known.head(this.subject);
  }

  /** Sequence of the last event; 0: there is none. */
  get sequence(): number {
    return this.#head?.sequence ?? 0;
  }

  /** Whether the very fact that a row tells is in the chain. */
  has(row: ImportedRow): boolean {
    return this.#facts.has(row);
  }

  /**
   * Whether a row tells nothing that the chain does not: its state is the one before it in time, whoever saw that, and no
   * source saw another one between this row and the next of its own, which would then have a weaker bound. `before` and
   * `next`: the rows of the source around it. A row that repeats does so in the next import too, as what was written
   * meanwhile lies not between two rows of this source.
   */
  repeats(row: ImportedRow, before: ImportedRow | null, next: ImportedRow | null): boolean {
    // Of one time the source's own order tells which came first.
    if (before?.observedAt.getTime() === row.observedAt.getTime()) return before.digest === row.digest;
    return this.#facts.foretell(row) && !this.#facts.replace(row, next?.observedAt ?? null);
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
    this.#facts.note(row);
    this.#head = {
      sequence,
      hash: hashOf(bytes),
      digest: row.digest ?? this.#head?.digest ?? '',
      gone: row.digest === null,
      observedAt: row.observedAt.toISOString(),
    };
  }

  /** The link is to the chain's last event; the bound is another matter, since a later import may bring earlier facts. */
  #previousOf(row: ImportedRow, before: ImportedRow | null): DigestObserved['previous'] {
    const head = this.#head;
    if (head === null) return null;
    const seen = row.notBefore ?? before?.observedAt ?? boundOf(head, row);
    const lastSeenAt = new Date(Math.min(seen.getTime(), row.observedAt.getTime())).toISOString();
    return { digest: head.digest, lastSeenAt, sequence: head.sequence, hash: head.hash };
  }
}

/**
 * The bound of a row of which its source gives none: when the chain last saw the state before. What the chain saw later than
 * the row says nothing of when the row's change began; then the bound is one that holds of every change, for which the read
 * models take what they know of the time before the row.
 */
function boundOf(head: ImportedHead, row: ImportedRow): Date {
  const seen = new Date(head.observedAt);
  return seen < row.observedAt ? seen : ANY_TIME;
}
