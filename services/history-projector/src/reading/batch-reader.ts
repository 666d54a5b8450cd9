import { EVENT_TYPES, type ScanLogEvent } from '@dtm/events';
import type { StoredMessage } from '@dtm/jetstream';
import type { Positions } from '../projection/checkpoints.ts';
import {
  emptyBatch,
  PROJECTED_STREAMS,
  readHistory,
  readManifest,
  readScanLog,
  readTracking,
  type Batch,
  type ProjectedStream,
  type Read,
} from '../projection/messages.ts';
import { ArrivalPace, type Linger } from './arrival-pace.ts';
import type { EventSource } from './event-source.ts';

export interface BatchLimits extends Linger {
  /** Messages of one stream in one batch at most. */
  size: number;
  /** Scans in one batch at most: each may load all tags of its repository. */
  scans: number;
  /** How long a scan waits for the tracking events that it knew. */
  holdMs: number;
}

export const DEFAULT_LIMITS: BatchLimits = {
  size: 1_000,
  scans: 200,
  lingerMs: 20,
  busyLingerMs: 750,
  unchangedLingerMs: 2_000,
  holdMs: 5_000,
};

/** Reads the streams, each in its own order, and hands out what belongs into the next transaction. */
export class BatchReader {
  readonly #source: EventSource;
  readonly #limits: BatchLimits;
  readonly #signal: AbortSignal;
  readonly #queues: Batch = emptyBatch();
  /** How far TRACKING was handed out. */
  #trackingGiven: number;
  #heldSince: number | null = null;
  readonly #pace: ArrivalPace;
  /** While a batch gathers, not every message is news. */
  #gathering = false;
  /** Whether what is queued tells anything but that everything is as it was. */
  #urgent = false;
  #failure: { error: unknown } | null = null;
  #wake: () => void = () => undefined;
  #makeRoom: (() => void)[] = [];

  /** Starts reading behind the positions; ends when the signal says stop. */
  constructor(source: EventSource, positions: Positions, signal: AbortSignal, limits: BatchLimits = DEFAULT_LIMITS) {
    this.#source = source;
    this.#limits = limits;
    this.#pace = new ArrivalPace(limits);
    this.#signal = signal;
    this.#trackingGiven = positions.TRACKING;
    signal.addEventListener('abort', () => this.#stir(), { once: true });
    for (const stream of PROJECTED_STREAMS) void this.#pump(stream, positions[stream]);
  }

  /** Waits for messages and takes them; null once the signal says stop. Rejects where a stream cannot be read. */
  async next(): Promise<Batch | null> {
    while (!this.#ready()) {
      if (this.#stopped()) return null;
      await this.#news(this.#heldSince === null ? null : this.#limits.holdMs);
    }
    await this.#gather();
    if (this.#stopped()) return null;
    return this.#take();
  }

  /** Waits for more as long as more comes. */
  async #gather(): Promise<void> {
    const began = performance.now();
    this.#gathering = true;
    while (!this.#full() && !this.#stopped()) {
      const left = this.#pace.waitsUntil(began, this.#urgent) - performance.now();
      if (left <= 0) break;
      await this.#news(left);
    }
    this.#gathering = false;
  }

  async #pump(stream: ProjectedStream, after: number): Promise<void> {
    try {
      for await (const message of this.#source.read(stream, after, this.#signal)) {
        while (this.#isFull(stream) && !this.#signal.aborted) {
          await new Promise<void>((resolve) => this.#makeRoom.push(resolve));
        }
        if (this.#signal.aborted) return;
        this.#enqueue(stream, message);
        this.#pace.arrived(performance.now());
        if (!this.#gathering || this.#full()) this.#wake();
      }
      if (!this.#signal.aborted) throw new Error(`reading ${stream} ended by itself`);
    } catch (error) {
      this.#failure ??= { error };
      this.#stir();
    }
  }

  #enqueue(stream: ProjectedStream, message: StoredMessage): void {
    if (stream === 'SCAN_LOG') {
      const read = readScanLog(message);
      this.#queues.SCAN_LOG.push(read);
      this.#urgent ||= !isUnchanged(read);
      return;
    }
    // Nobody waits for what a manifest is: it gathers like scans that tell nothing new.
    if (stream === 'MANIFESTS') {
      this.#queues.MANIFESTS.push(readManifest(message));
      return;
    }
    if (stream === 'HISTORY') this.#queues.HISTORY.push(readHistory(message));
    else this.#queues.TRACKING.push(readTracking(message));
    this.#urgent = true;
  }

  #stopped(): boolean {
    if (this.#failure !== null) throw this.#failure.error;
    return this.#signal.aborted;
  }

  #full(): boolean {
    return PROJECTED_STREAMS.some((stream) => this.#isFull(stream));
  }

  #isFull(stream: ProjectedStream): boolean {
    const { size, scans } = this.#limits;
    return this.#queues[stream].length >= (stream === 'SCAN_LOG' ? scans : size);
  }

  #ready(): boolean {
    const { HISTORY, MANIFESTS, TRACKING, SCAN_LOG } = this.#queues;
    if (MANIFESTS.length > 0) return true;
    return HISTORY.length > 0 || TRACKING.length > 0 || (SCAN_LOG.length > 0 && this.#scansReady() > 0);
  }

  /**
   * How many scans can be projected: what a scan covers depends on the tracking events that it knew, so these come first.
   * One that names more than there is waits only for a while.
   */
  #scansReady(): number {
    const known = this.#queues.TRACKING.at(-1)?.message.sequence ?? this.#trackingGiven;
    const scans = this.#queues.SCAN_LOG;
    const held = scans.findIndex(({ event }) => event !== null && event.data.trackingSequence > known);
    if (held !== 0) {
      this.#heldSince = null;
      return held < 0 ? scans.length : held;
    }
    this.#heldSince ??= performance.now();
    return performance.now() - this.#heldSince < this.#limits.holdMs ? 0 : 1;
  }

  #take(): Batch {
    const { HISTORY, MANIFESTS, TRACKING, SCAN_LOG } = this.#queues;
    const scans = SCAN_LOG.length === 0 ? 0 : this.#scansReady();
    if (scans > 0) this.#heldSince = null;
    const batch: Batch = {
      HISTORY: HISTORY.splice(0),
      MANIFESTS: MANIFESTS.splice(0),
      TRACKING: TRACKING.splice(0),
      SCAN_LOG: SCAN_LOG.splice(0, scans),
    };
    this.#trackingGiven = batch.TRACKING.at(-1)?.message.sequence ?? this.#trackingGiven;
    this.#urgent = !SCAN_LOG.every(isUnchanged);
    this.#letIn();
    return batch;
  }

  #letIn(): void {
    for (const resolve of this.#makeRoom.splice(0)) resolve();
  }

  #stir(): void {
    this.#wake();
    this.#letIn();
  }

  /** Resolves with the next message, failure or stop, or after a time. */
  #news(ms: number | null): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === null ? null : setTimeout(resolve, ms);
      this.#wake = () => {
        if (timer !== null) clearTimeout(timer);
        resolve();
      };
    });
  }
}

function isUnchanged({ event }: Read<ScanLogEvent>): boolean {
  return event?.type === EVENT_TYPES.RepositoryScanned && event.data.changes === 0 && event.data.failures.length === 0;
}
