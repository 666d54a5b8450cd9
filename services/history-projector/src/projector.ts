import { setTimeout as pause } from 'node:timers/promises';
import { ensureReadModel, READ_MODEL_VERSION, readPointer, takeLock, type Database } from '@dtm/read-model';
import { applyOrSetAside } from './projection/apply-or-set-aside.ts';
import { RivalProjector, type Positions } from './projection/checkpoints.ts';
import { PROJECTED_STREAMS, type Batch } from './projection/messages.ts';
import { ForeignStream, openCheckpoints } from './projection/open-checkpoints.ts';
import { pruneHours } from './projection/prune-hours.ts';
import { tablesOf, type Tables } from './projection/tables.ts';
import { tracedBatch } from './projection-trace.ts';
import type { ProjectionWatch } from './projection-watch.ts';
import { BatchReader, DEFAULT_LIMITS, type BatchLimits } from './reading/batch-reader.ts';
import type { EventSource } from './reading/event-source.ts';
import { rebuild } from './recovery/rebuild.ts';
import { AnotherRebuild, Refused } from './recovery/refused.ts';

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
/** How often it is looked whether a rebuild has switched schemas. */
const POINTER_MS = 1_000;

/** Projects the streams into the read models, one projector at a time; the others stand by. */
export class Projector {
  readonly #parts: ProjectorParts;

  constructor(parts: ProjectorParts) {
    this.#parts = parts;
  }

  /**
   * Projects until the signal says stop. Goes on by itself after whatever may pass: a server that dies, a rival. Tables of
   * an older version are made anew beside those that serve. Rejects with `ForeignStream`, with `Refused` where the streams
   * lack what those tables hold, and where the tables are of a newer version, as only an operator can mend that.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { watch, retryMs = 1_000 } = this.#parts;
    while (!signal.aborted) {
      try {
        await this.#lead(signal);
      } catch (error) {
        if (isForOperator(error)) throw error;
        if (error instanceof SchemaSwitched) {
          watch.switched(error.to);
          continue;
        }
        watch.interrupted(error instanceof RivalProjector ? 'standby' : 'waiting', error);
      }
      await pause(retryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Takes the lead when it is free, and projects until something comes in between. */
  async #lead(signal: AbortSignal): Promise<void> {
    const { database, watch } = this.#parts;
    const { schema, version } = await ensureReadModel(database);
    if (version > READ_MODEL_VERSION) throw new OtherVersion(version);
    if (version < READ_MODEL_VERSION) return this.#upgrade(version, signal);
    const lock = await takeLock({
      ...database.settings,
      subject: `projector of ${schema}`,
      onWaiting: () => watch.standingBy(),
      signal,
    });
    if (lock === null) return;
    const end = new AbortController();
    try {
      // While it stood by, a rebuild may have switched.
      await checkPointer(database, schema);
      const until = AbortSignal.any([signal, lock.lost, end.signal]);
      await this.#project(schema, until);
      if (!signal.aborted) lock.lost.throwIfAborted();
    } finally {
      end.abort();
      await lock.release();
    }
  }

  /**
   * Fills tables of this version beside those that serve, and switches. The projector of the older version goes on with
   * the old ones meanwhile, where it still runs; its api reads either.
   */
  async #upgrade(from: number, signal: AbortSignal): Promise<void> {
    const { database, source, watch } = this.#parts;
    watch.upgrading(from, 0);
    const { to } = await rebuild(database, source, (_, done, all) => {
      // What is left half filled, the next one removes.
      signal.throwIfAborted();
      watch.upgrading(from, all === 0 ? 1 : done / all);
    });
    watch.switched(to);
  }

  async #project(schema: string, signal: AbortSignal): Promise<void> {
    const { database, source, watch, limits = DEFAULT_LIMITS } = this.#parts;
    const tables = tablesOf(database, schema);
    let positions = await openCheckpoints(database, tables, source);
    await pruneHours(database, tables, new Date());
    watch.projecting(positions);
    const ended = new AbortController();
    const until = AbortSignal.any([signal, ended.signal]);
    const check = Promise.race([this.#checkStreams(tables, until), this.#followPointer(schema, until)]);
    // Awaited below, but not before the loop ends: a rejection must not be unhandled until then.
    check.catch(() => undefined);
    void check.finally(() => ended.abort()).catch(() => undefined);
    const reader = new BatchReader(source, positions, until, limits);
    for (let batch = await reader.next(); batch !== null; batch = await reader.next()) {
      positions = await this.#apply(tables, positions, batch).catch(async (error: unknown) => {
        // A rebuild that has switched looks like a rival.
        if (error instanceof RivalProjector) await checkPointer(database, schema);
        throw error;
      });
    }
    await check;
  }

  async #apply(tables: Tables, from: Positions, batch: Batch): Promise<Positions> {
    const { database, watch } = this.#parts;
    for (const stream of PROJECTED_STREAMS) {
      for (const { message, fault } of batch[stream]) if (fault !== null) watch.unreadable(stream, message, fault);
    }
    const startedAt = performance.now();
    const to = await tracedBatch(batch, () =>
      applyOrSetAside(database, tables, from, batch, {
        onSetAside: (stream, { message, fault }) => watch.unreadable(stream, message, fault ?? 'it was set aside'),
      }),
    );
    watch.projected(batch, to, (performance.now() - startedAt) / 1000);
    return to;
  }

  /** Resolves with the signal; rejects with `SchemaSwitched`: the projector goes where the api looks. */
  async #followPointer(schema: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(POINTER_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await checkPointer(this.#parts.database, schema);
      } catch (error) {
        if (error instanceof SchemaSwitched) throw error;
      }
    }
  }

  /** Resolves with the signal; rejects where a stream was replaced meanwhile: a reader would wait for its old sequence. */
  async #checkStreams(tables: Tables, signal: AbortSignal): Promise<void> {
    const { database, source, watch } = this.#parts;
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

/** A rebuild made another schema the one that serves. */
class SchemaSwitched extends Error {
  override readonly name = 'SchemaSwitched';
  readonly to: string;
  constructor(to: string) {
    super(`a rebuild has switched to ${to}`);
    this.to = to;
  }
}

/** Throws `SchemaSwitched` where another schema serves than this one. */
async function checkPointer(database: Database, schema: string): Promise<void> {
  const pointer = await readPointer(database);
  if (pointer !== null && pointer.schema !== schema) throw new SchemaSwitched(pointer.schema);
}

/** The tables have the shape of a newer version of the code. */
export class OtherVersion extends Error {
  override readonly name = 'OtherVersion';
  constructor(found: number) {
    const both = `The read models have version ${found}, this projector writes version ${READ_MODEL_VERSION}`;
    super(`${both}: start the newer version, or go back with this one's "npm run rebuild".`);
    this.stack = this.message;
  }
}

function isForOperator(error: unknown): boolean {
  if (error instanceof AnotherRebuild) return false;
  return error instanceof ForeignStream || error instanceof OtherVersion || error instanceof Refused;
}
