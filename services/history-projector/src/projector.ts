import { setTimeout as pause } from 'node:timers/promises';
import { ensureReadModel, READ_MODEL_VERSION, takeLock, type Database } from '@dtm/read-model';
import { applyBatch } from './projection/apply-batch.ts';
import { RivalProjector, type Positions } from './projection/checkpoints.ts';
import { PROJECTED_STREAMS, type Batch } from './projection/messages.ts';
import { ForeignStream, openCheckpoints } from './projection/open-checkpoints.ts';
import { pruneHours } from './projection/prune-hours.ts';
import { tablesOf, type Tables } from './projection/tables.ts';
import type { ProjectionWatch } from './projection-watch.ts';
import { BatchReader, DEFAULT_LIMITS, type BatchLimits } from './reading/batch-reader.ts';
import type { EventSource } from './reading/event-source.ts';

export interface ProjectorParts {
  database: Database;
  source: EventSource;
  watch: ProjectionWatch;
  limits?: BatchLimits;
  /** Wait after a failure, before it tries again. */
  retryMs?: number;
}

/** How often it is looked whether the streams are still the ones that are projected, and how far they have got. */
const CHECK_MS = 5_000;

/** Projects the streams into the read models, one projector at a time; the others stand by. */
export class Projector {
  readonly #parts: ProjectorParts;

  constructor(parts: ProjectorParts) {
    this.#parts = parts;
  }

  /**
   * Projects until the signal says stop. Goes on by itself after whatever may pass: a server that dies, a rival. Rejects
   * with `ForeignStream`, or where the tables are of another version, as only an operator can mend that.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { watch, retryMs = 1_000 } = this.#parts;
    while (!signal.aborted) {
      try {
        await this.#lead(signal);
      } catch (error) {
        if (error instanceof ForeignStream || error instanceof OtherVersion) throw error;
        watch.interrupted(error instanceof RivalProjector ? 'standby' : 'waiting', error);
      }
      await pause(retryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Takes the lead when it is free, and projects until something comes in between. */
  async #lead(signal: AbortSignal): Promise<void> {
    const { database, watch } = this.#parts;
    const { schema, version } = await ensureReadModel(database);
    if (version !== READ_MODEL_VERSION) throw new OtherVersion(version);
    const lock = await takeLock({
      ...database.settings,
      subject: `projector of ${schema}`,
      onWaiting: () => watch.standingBy(),
      signal,
    });
    if (lock === null) return;
    const end = new AbortController();
    try {
      await this.#project(tablesOf(database, schema), AbortSignal.any([signal, lock.lost, end.signal]));
      if (!signal.aborted) lock.lost.throwIfAborted();
    } finally {
      end.abort();
      await lock.release();
    }
  }

  async #project(tables: Tables, signal: AbortSignal): Promise<void> {
    const { database, source, watch, limits = DEFAULT_LIMITS } = this.#parts;
    let positions = await openCheckpoints(database, tables, source);
    watch.projecting(positions);
    const check = this.#checkStreams(tables, signal);
    // Awaited below, but not before the loop ends: a rejection must not be unhandled until then.
    check.catch(() => undefined);
    const ended = new AbortController();
    void check.finally(() => ended.abort()).catch(() => undefined);
    const reader = new BatchReader(source, positions, AbortSignal.any([signal, ended.signal]), limits);
    for (let batch = await reader.next(); batch !== null; batch = await reader.next()) {
      positions = await this.#apply(tables, positions, batch);
    }
    await check;
  }

  async #apply(tables: Tables, from: Positions, batch: Batch): Promise<Positions> {
    const { database, watch } = this.#parts;
    for (const stream of PROJECTED_STREAMS) {
      for (const { message, fault } of batch[stream]) if (fault !== null) watch.unreadable(stream, message, fault);
    }
    const startedAt = performance.now();
    const to = await applyBatch(database, tables, from, batch);
    watch.projected(batch, to, (performance.now() - startedAt) / 1000);
    return to;
  }

  /** Resolves with the signal; rejects where a stream was replaced meanwhile: a reader would wait for its old sequence. */
  async #checkStreams(tables: Tables, signal: AbortSignal): Promise<void> {
    const { database, source, watch } = this.#parts;
    await pruneHours(database, tables, new Date());
    while (!signal.aborted) {
      await pause(CHECK_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await openCheckpoints(database, tables, source);
        watch.streams(
          Object.fromEntries(await Promise.all(PROJECTED_STREAMS.map(async (s) => [s, await source.state(s)]))),
        );
      } catch (error) {
        // NATS or PostgreSQL away is not for this check to tell: the reader and the batches notice.
        if (error instanceof ForeignStream) throw error;
      }
    }
  }
}

/** The tables have another shape than this version of the code writes. */
export class OtherVersion extends Error {
  override readonly name = 'OtherVersion';
  constructor(found: number) {
    super(
      `The read models have version ${found}, this projector writes version ${READ_MODEL_VERSION}: run "npm run rebuild".`,
    );
    this.stack = this.message;
  }
}
