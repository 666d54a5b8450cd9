import type { Database, Sql } from '@dtm/read-model';
import { applyOrSetAside } from '../projection/apply-or-set-aside.ts';
import type { Positions } from '../projection/checkpoints.ts';
import {
  emptyBatch,
  PROJECTED_STREAMS,
  readHistory,
  readManifest,
  readScanLog,
  readTracking,
  type Batch,
} from '../projection/messages.ts';
import type { Tables } from '../projection/tables.ts';
import type { EventSource } from '../reading/event-source.ts';
import { readThrough } from '../reading/read-through.ts';
import type { OnProgress } from './refused.ts';

const BATCH = 1_000;

/**
 * Nobody reads tables that are being filled, and what a crash of PostgreSQL takes of them is filled again: a batch need not
 * wait for the disk, as the switch does, which comes after all of them. The projector's own batches do wait: where NATS
 * syncs only every now and then, digest_change is the copy of the newest events that outlives a power cut.
 */
async function wakeNobody(sql: Sql): Promise<void> {
  await sql.query('set local synchronous_commit = off');
}

/** Projects streams into tables that do not serve yet, up to where it is told. */
export class Fill {
  readonly #database: Database;
  readonly #tables: Tables;
  readonly #source: EventSource;
  readonly #onProgress: OnProgress;
  #positions: Positions;
  #applying: Promise<void> = Promise.resolve();

  constructor(database: Database, tables: Tables, source: EventSource, start: Positions, onProgress: OnProgress) {
    this.#database = database;
    this.#tables = tables;
    this.#source = source;
    this.#positions = start;
    this.#onProgress = onProgress;
  }

  get positions(): Readonly<Positions> {
    return this.#positions;
  }

  /** Projects what lies between the positions and these; a stream that is to stay where it is is not read. */
  async upTo(to: Positions): Promise<void> {
    // First: each tag is then dated when its row is written, rather than looked for by its digest.
    await this.#manifests(to.MANIFESTS);
    await this.#history(to.HISTORY);
    await this.#scans(to);
    this.#onProgress('projected', sum(this.#positions), sum(to));
  }

  async #manifests(to: number): Promise<void> {
    let batch = emptyBatch();
    for await (const message of this.#read('MANIFESTS', to)) {
      batch.MANIFESTS.push(readManifest(message));
      if (batch.MANIFESTS.length < BATCH) continue;
      await this.#hand(batch);
      batch = emptyBatch();
      this.#onProgress('manifests projected', message.sequence, to);
    }
    await this.#hand(batch);
    await this.#applying;
  }

  async #history(to: number): Promise<void> {
    let batch = emptyBatch();
    for await (const message of this.#read('HISTORY', to)) {
      batch.HISTORY.push(readHistory(message));
      if (batch.HISTORY.length < BATCH) continue;
      await this.#hand(batch);
      batch = emptyBatch();
      this.#onProgress('history projected', message.sequence, to);
    }
    await this.#hand(batch);
    await this.#applying;
  }

  /** Each scan is projected after exactly the tracking events that it knew, as what it covered depends on them. */
  async #scans(to: Positions): Promise<void> {
    let batch = emptyBatch();
    const tracking = this.#read('TRACKING', to.TRACKING);
    const flushFull = async (): Promise<void> => {
      if (batch.TRACKING.length + batch.SCAN_LOG.length < BATCH) return;
      const full = batch;
      batch = emptyBatch();
      await this.#apply(full);
      this.#onProgress(
        'scans and tracking projected',
        this.#positions.SCAN_LOG + this.#positions.TRACKING,
        to.SCAN_LOG + to.TRACKING,
      );
    };
    const trackUpTo = async (sequence: number): Promise<void> => {
      for (let known = batch.TRACKING.at(-1)?.message.sequence ?? this.#positions.TRACKING; known < sequence;) {
        const next = await tracking.next();
        if (next.done === true) return;
        batch.TRACKING.push(readTracking(next.value));
        known = next.value.sequence;
        await flushFull();
      }
    };
    try {
      for await (const message of this.#read('SCAN_LOG', to.SCAN_LOG)) {
        const read = readScanLog(message);
        await trackUpTo(read.event?.data.trackingSequence ?? 0);
        batch.SCAN_LOG.push(read);
        await flushFull();
      }
      await trackUpTo(to.TRACKING);
    } finally {
      await tracking.return(undefined);
    }
    await this.#apply(batch);
  }

  #read(stream: keyof Positions, to: number) {
    return readThrough(this.#source, stream, this.#positions[stream], to);
  }

  /** Lets a batch be applied, once the one before is, while the next is read. */
  async #hand(batch: Batch): Promise<void> {
    await this.#applying;
    this.#applying = this.#apply(batch);
    // It is awaited with the next one: a rejection must not be unhandled until then.
    this.#applying.catch(() => undefined);
  }

  async #apply(batch: Batch): Promise<void> {
    if (PROJECTED_STREAMS.every((stream) => batch[stream].length === 0)) return;
    // The projector tells of what is set aside; here it is the same.
    const how = { wake: wakeNobody, onSetAside: () => undefined };
    this.#positions = await applyOrSetAside(this.#database, this.#tables, this.#positions, batch, how);
  }
}

/** Events up to these positions, all streams together. */
export function sum(positions: Readonly<Positions>): number {
  return PROJECTED_STREAMS.reduce((total, stream) => total + positions[stream], 0);
}
