import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Reference } from '@dtm/oci';
import type { listen, ReadModel } from '@dtm/read-model';
import { CONFIG, Metrics, type DatabaseConfig } from '@dtm/service-host';
import { z } from 'zod';
import { READ_MODEL } from '../read-model/read-model-provider.ts';
import type { EventStream } from './event-stream.ts';
import { Subscriber } from './subscriber.ts';

/** Injects how notifications of PostgreSQL are listened to. */
export const LISTEN = Symbol('listen');

const HEARTBEAT_MS = 15_000;
const PAGE = 500;
const RETRY_MS = 1000;
/** How often a replica that lags behind what was announced is asked again. */
const REPLICA_MS = 100;
/** How long a record that is shorter than what was told may be that of a replica that lags: then it was restored. */
const PATIENCE_MS = 2_000;
/** News of scans that are kept for a replica that lags; the oldest are given up, as pages ask again by themselves. */
const MAX_HELD = 1000;

const scanPayload = z.looseObject({ registry: z.string(), repository: z.string() });

/** Tells every connected client what changes: one LISTEN connection, one reading of new rows, however many clients. */
@Injectable()
export class LiveFeed implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger('Live');
  readonly #subscribers = new Set<Subscriber>();
  readonly #ended = new AbortController();
  #heartbeat: NodeJS.Timeout | null = null;
  /** Sequence up to which the read model was read for the clients; null before the first reading. */
  #position: number | null = null;
  /** Sequence that the projector announced last: a replica may not have it yet, and nothing is told that it has not. */
  #announced = 0;
  /** Where the record may have been restored from a backup: since when, and the least that it was seen to reach since. */
  #doubt: { since: number; least: number } | null = null;
  /** News of scans that came after changes that are not read yet. */
  #held: z.infer<typeof scanPayload>[] = [];
  /** Told once, however often it is tried again. */
  #lastTrouble: string | null = null;
  #reading = false;
  #readAgain = false;

  constructor(
    @Inject(READ_MODEL) private readonly readModel: ReadModel,
    @Inject(CONFIG) private readonly config: Pick<DatabaseConfig, 'databaseUrl'>,
    @Inject(LISTEN) private readonly listenTo: typeof listen,
    metrics: Metrics,
  ) {
    const subscribers = this.#subscribers;
    metrics.gauge({
      name: 'dtm_event_stream_clients',
      help: 'Clients connected to /api/v1/events',
      collect() {
        this.set(subscribers.size);
      },
    });
  }

  onApplicationBootstrap(): void {
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
    this.#heartbeat.unref();
    void this.listenTo({
      url: this.config.databaseUrl,
      name: 'api live',
      signal: this.#ended.signal,
      onProblem: (text) => this.#trouble(text),
      // Notifications of the time without a connection are lost, so what they announced is read now.
      onListening: () => {
        this.#lastTrouble = null;
        this.#announced = 0;
        this.#mayBeRestored();
        this.wake();
      },
      onNotify: (channel, payload) => {
        if (channel === 'scan') return this.#scanned(payload);
        const sequence = Number(payload) || 0;
        // A record only ever grows, unless it is restored in place.
        if (sequence < this.#announced) this.#mayBeRestored(sequence - 1);
        this.#announced = sequence;
        this.wake();
      },
    });
  }

  onModuleDestroy(): void {
    this.#ended.abort();
    if (this.#heartbeat !== null) clearInterval(this.#heartbeat);
    for (const { stream } of this.#subscribers) stream.end();
  }

  /** Adds a client, which is told first what it missed since `lastEventId` (null: nothing). Rejects where the read model is away. */
  async subscribe(open: () => EventStream, reference: Reference | null, lastEventId: number | null): Promise<void> {
    const answered = await this.readModel.lastChangeSequence();
    // From here on live reading covers whatever this client does not read by itself. A replica that lags may have answered.
    this.#position ??= answered;
    const until = Math.max(answered, this.#position);
    const newest = this.#doubt === null ? until : answered;
    // An id from the future is of a record that was rebuilt; nothing after the newest can have been told.
    const position = Math.min(lastEventId ?? newest, newest);
    const stream = open();
    if (!stream.open) return;
    const subscriber = new Subscriber(stream, reference, position);
    stream.onClose(() => this.#subscribers.delete(subscriber));
    if (lastEventId === null) stream.mark(position);
    this.#subscribers.add(subscriber);
    const name = reference?.toString() ?? null;
    try {
      await subscriber.catchUp((after, limit) => this.readModel.nextChanges(after, limit, name), until);
    } catch (error) {
      // The client comes back by itself and resumes where it was.
      this.#logger.warn(`a client cannot catch up: ${messageOf(error)}`);
      stream.end();
    }
  }

  /** There is something new in the history. */
  wake(): void {
    this.#readAgain = true;
    if (this.#reading) return;
    this.#reading = true;
    void this.#read().finally(() => {
      this.#reading = false;
    });
  }

  async #read(): Promise<void> {
    while (this.#readAgain && !this.#ended.signal.aborted) {
      this.#readAgain = false;
      try {
        await this.#readNew();
        if ((this.#position ?? 0) < this.#announced || this.#doubt !== null) {
          this.#readAgain = true;
          await new Promise((resolve) => setTimeout(resolve, REPLICA_MS).unref());
        } else {
          for (const scan of this.#held.splice(0)) this.#tellScan(scan);
        }
      } catch (error) {
        this.#trouble(`cannot read new changes: ${messageOf(error)}`);
        this.#readAgain = true;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      }
    }
  }

  async #readNew(): Promise<void> {
    if (this.#position === null) {
      const newest = await this.readModel.lastChangeSequence();
      // What happened before the first reading is of no interest to those who are connected since then.
      this.#position ??= newest;
    }
    for (let more = true; more;) {
      // An answer that was on its way when the doubt arose says nothing of it.
      const doubt = this.#doubt;
      const { rows, upTo } = await this.readModel.nextChanges(this.#position, PAGE, null);
      for (const row of rows) for (const subscriber of this.#subscribers) subscriber.changed(row);
      // Only as far as this answer itself reaches: another replica may have more, and would not be asked for it again.
      this.#position = Math.max(this.#position, upTo);
      more = rows.length === PAGE;
      if (doubt !== null && doubt === this.#doubt) this.#settle(doubt, upTo);
    }
  }

  #mayBeRestored(least = Infinity): void {
    this.#doubt = { since: Date.now(), least };
  }

  /** Nobody would be told anything until a shorter record has grown past what was told of the one before. */
  #settle(doubt: { since: number; least: number }, upTo: number): void {
    const position = this.#position ?? 0;
    doubt.least = Math.min(doubt.least, upTo);
    if (upTo < position && Date.now() - doubt.since < PATIENCE_MS) return;
    this.#doubt = null;
    if (upTo >= position) return;
    this.#logger.warn(
      `the record was told up to ${position} and reaches only ${doubt.least}: it is told from there on`,
    );
    this.#position = doubt.least;
    for (const subscriber of this.#subscribers) subscriber.goBack(doubt.least, upTo);
    this.#readAgain = true;
  }

  #trouble(text: string): void {
    if (text !== this.#lastTrouble) this.#logger.warn(text);
    this.#lastTrouble = text;
  }

  #scanned(payload: string): void {
    const parsed = scanPayload.safeParse(jsonOf(payload));
    if (!parsed.success) {
      this.#logger.warn('a notification about a scan cannot be read');
      return;
    }
    // The changes of a scan are told first, and its page finds them.
    if (!this.#reading) return this.#tellScan(parsed.data);
    this.#held.push(parsed.data);
    if (this.#held.length > MAX_HELD) this.#held.shift();
  }

  #tellScan(scan: z.infer<typeof scanPayload>): void {
    const data = JSON.stringify(scan);
    for (const subscriber of this.#subscribers) subscriber.scanned(scan, data);
  }

  #beat(): void {
    for (const { stream } of this.#subscribers) stream.beat();
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
