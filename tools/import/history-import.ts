import { encode, EVENT_TYPES, hashOf, SUBJECTS, tagEventId, type DigestObserved } from '@dtm/events';
import { Appender, STREAMS, TrackingLog, ViewLog, type NatsConnection } from '@dtm/jetstream';
import type { Reference } from '@dtm/oci';
import { KnownImports } from './known-imports.ts';
import { RowStore } from './row-store.ts';
import type { ImportedRow, ImportedTag, ImportSource, Refusal } from './row.ts';

/** What an import has done so far. */
export interface ImportReport {
  /** Rows that the source held. */
  rows: number;
  /** Events written by this run. */
  imported: number;
  /** Rows that an earlier import had brought. */
  knownBefore: number;
  /** Rows that only repeat the digest of the row before. */
  repeated: number;
  tags: number;
  /** Tags that are tracked from now on. */
  tracked: number;
  refused: number;
  /** The first of them. */
  refusals: Refusal[];
}

/** Tags whose chains are written side by side; each waits for its own acknowledgements only. */
const TAGS_AT_ONCE = 96;
const REFUSALS_SHOWN = 20;

/**
 * Writes a source's facts as history under `imported.>`: each tag a chain of its own in order of time, linked as live
 * history is. Interrupted anywhere, it is simply run again: what is there is found and passed over.
 */
export class HistoryImport {
  readonly #appender: Appender;
  readonly #nc: NatsConnection;
  readonly #source: ImportSource;
  readonly report: ImportReport = {
    rows: 0,
    imported: 0,
    knownBefore: 0,
    repeated: 0,
    tags: 0,
    tracked: 0,
    refused: 0,
    refusals: [],
  };

  constructor(nc: NatsConnection, source: ImportSource) {
    this.#nc = nc;
    this.#source = source;
    this.#appender = new Appender(nc, STREAMS.history);
  }

  /** Reads the source, then writes what is new; `onProgress` is told of rows done and rows in all. */
  async run(onProgress: (done: number, all: number) => void): Promise<ImportReport> {
    const known = await KnownImports.read(this.#nc);
    const { rows, tags } = await this.#read();
    let done = 0;
    const waiting = rows.byTag();
    const lane = async (): Promise<void> => {
      for (let next = waiting.next(); next.done !== true; next = waiting.next()) {
        const ofTag = next.value;
        await this.#writeTag(ofTag, known);
        done += ofTag.length;
        onProgress(done, rows.rows);
      }
    };
    await Promise.all(Array.from({ length: TAGS_AT_ONCE }, lane));
    await this.#track(tags);
    return this.report;
  }

  async #read(): Promise<{ rows: RowStore; tags: ImportedTag[] }> {
    const rows = new RowStore();
    const tags: ImportedTag[] = [];
    for await (const item of this.#source.items()) {
      if (item.kind === 'row') rows.add(item.row);
      else if (item.kind === 'tag') tags.push(item.tag);
      else {
        this.report.refused++;
        if (this.report.refusals.length < REFUSALS_SHOWN) this.report.refusals.push(item.refusal);
      }
    }
    this.report.rows = rows.rows;
    this.report.tags = rows.tags;
    return { rows, tags };
  }

  async #writeTag(rows: readonly ImportedRow[], known: KnownImports): Promise<void> {
    let before: ImportedRow | null = null;
    for (const row of rows) {
      const repeats = before?.digest === row.digest;
      if (repeats) this.report.repeated++;
      else await this.#writeRow(row, before, known);
      before = row;
    }
  }

  async #writeRow(row: ImportedRow, before: ImportedRow | null, known: KnownImports): Promise<void> {
    const { registry, repository, tag } = row.reference;
    const subject = SUBJECTS.imported(row.reference);
    const observedAt = row.observedAt.toISOString();
    if (known.has(subject, row.digest, observedAt)) {
      this.report.knownBefore++;
      return;
    }
    const head = known.head(subject);
    // A later import may bring earlier facts: the link is to the chain's last event, the bound to what this source saw.
    const seen = row.notBefore ?? before?.observedAt ?? row.observedAt;
    const lastSeenAt = new Date(Math.min(seen.getTime(), row.observedAt.getTime())).toISOString();
    const data: DigestObserved = {
      registry,
      repository,
      tag,
      digest: row.digest,
      mediaType: row.mediaType,
      observedAt,
      source: this.#source.name,
      previous: head === null ? null : { digest: head.digest, lastSeenAt, sequence: head.sequence, hash: head.hash },
    };
    const reference = row.reference.toString();
    const bytes = encode({
      id: tagEventId(reference, head?.sequence ?? 0),
      source: `/docker-tag-monitor/import/${this.#source.name}`,
      subject: reference,
      time: observedAt,
      type: EVENT_TYPES.DigestObserved,
      data,
    });
    const result = await this.#appender.append(subject, bytes, head?.sequence ?? 0);
    if (result.outcome === 'conflict')
      throw new Error(`${reference}: another import writes at the same time; run this one again`);
    known.add(subject, row.digest, observedAt, { sequence: result.sequence, hash: hashOf(bytes), digest: row.digest });
    this.report.imported++;
  }

  async #track(tags: readonly ImportedTag[]): Promise<void> {
    if (tags.length === 0) return;
    const log = new TrackingLog(this.#nc, '/docker-tag-monitor/api');
    const views = await ViewLog.open(this.#nc);
    const waiting = tags.values();
    const lane = async (): Promise<void> => {
      for (const { reference, trackedAt, lastViewedAt } of waiting) {
        await this.#trackOne(log, views, reference, trackedAt, lastViewedAt);
      }
    };
    await Promise.all(Array.from({ length: TAGS_AT_ONCE }, lane));
  }

  async #trackOne(
    log: TrackingLog,
    views: ViewLog,
    reference: Reference,
    trackedAt: Date,
    lastViewedAt: Date | null,
  ): Promise<void> {
    if ((await log.track(reference, 'import', trackedAt)) === 'tracked') this.report.tracked++;
    if (lastViewedAt !== null) await views.noteView(reference, lastViewedAt, { ms: 1 });
  }
}
