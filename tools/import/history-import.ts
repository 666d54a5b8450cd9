import { Appender, STREAMS, TrackingLog, ViewLog, type NatsConnection } from '@dtm/jetstream';
import type { Reference } from '@dtm/oci';
import { KnownImports } from './known-imports.ts';
import { RowStore } from './row-store.ts';
import type { ImportedRow, ImportedTag, ImportSource, Refusal } from './row.ts';
import { TagChain } from './tag-chain.ts';

/** What an import has done so far. */
export interface ImportReport {
  /** Rows that the source held. */
  rows: number;
  /** Events written by this run. */
  imported: number;
  /** Rows that an earlier import had brought. */
  knownBefore: number;
  /** Rows that only repeat what was known of the time before them. */
  repeated: number;
  tags: number;
  /** Tags that are tracked from now on. */
  tracked: number;
  refused: number;
  /** The first of them. */
  refusals: Refusal[];
  /** What could not be read, a sentence each. */
  failures: string[];
}

/**
 * Tags whose chains are written side by side; each waits for its own acknowledgements only. The more there are, the more a
 * tag's events are scattered over the stream, and the more often the projector writes the tag's row, which a dozen indexes
 * point to: with 16 once in twenty tags more than once.
 */
const TAGS_AT_ONCE = 16;
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
    failures: [],
  };

  constructor(nc: NatsConnection, source: ImportSource) {
    this.#nc = nc;
    this.#source = source;
    this.#appender = new Appender(nc, STREAMS.history);
  }

  /** Reads the source, then writes what is new; `onProgress` is told of rows done and rows in all. */
  async run(onProgress: (done: number, all: number) => void): Promise<ImportReport> {
    const known = await KnownImports.read(this.#nc, this.#source.repositories);
    const tags: ImportedTag[] = [];
    let rows = new RowStore();
    for await (const item of this.#source.items()) {
      switch (item.kind) {
        case 'row':
          rows.add(item.row);
          break;
        case 'tag':
          tags.push(item.tag);
          break;
        case 'refusal':
          this.report.refused++;
          if (this.report.refusals.length < REFUSALS_SHOWN) this.report.refusals.push(item.refusal);
          break;
        case 'failure':
          this.report.failures.push(item.failure);
          break;
        case 'part':
          await this.#write(rows, known, onProgress);
          rows = new RowStore();
      }
    }
    await this.#write(rows, known, onProgress);
    await this.#track(tags);
    return this.report;
  }

  async #write(rows: RowStore, known: KnownImports, onProgress: (done: number, all: number) => void): Promise<void> {
    const { stackTraceLimit } = Error;
    // The client makes two errors for every request before it knows of any: their stacks cost a tenth of an import.
    Error.stackTraceLimit = 0;
    this.report.rows += rows.rows;
    this.report.tags += rows.tags;
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
    try {
      await Promise.all(Array.from({ length: TAGS_AT_ONCE }, lane));
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  }

  async #writeTag(rows: readonly ImportedRow[], known: KnownImports): Promise<void> {
    const [first] = rows;
    if (first === undefined) return;
    const chain = new TagChain(first.reference, known, this.#source.name);
    let before: ImportedRow | null = null;
    for (const [index, row] of rows.entries()) {
      if (chain.repeats(row, before, rows[index + 1] ?? null)) this.report.repeated++;
      else if (chain.has(row)) this.report.knownBefore++;
      else await this.#writeRow(chain, row, before);
      before = row;
    }
  }

  async #writeRow(chain: TagChain, row: ImportedRow, before: ImportedRow | null): Promise<void> {
    const bytes = chain.eventOf(row, before);
    const result = await this.#appender.append(chain.subject, bytes, chain.sequence);
    if (result.outcome === 'conflict')
      throw new Error(`${row.reference.toString()}: another import writes at the same time; run this one again`);
    chain.noteAppended(row, bytes, result.sequence);
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
