import { Inject, Injectable } from '@nestjs/common';
import { NATS, storeUse, TrackingTail, type NatsConnection, type StoreUse } from '@dtm/jetstream';
import { Metrics } from '@dtm/service-host';
import { CADENCE } from './schedule/cadence.ts';
import type { Cadence } from './schedule/next-scan.ts';
import { ScanPastTail } from './schedule/scan-past-tail.ts';

/** Several gauges of one reading of the metrics share what the server was asked. */
const SAME_READING_MS = 1_000;

/**
 * What is to be scanned, when that last succeeded, and what the streams take: the scheduler knows it whether or not a fetcher
 * runs. Every scheduler tells the same, so alerts take the maximum. By registry or stream, never by repository or tag.
 */
@Injectable()
export class SchedulerMetrics {
  readonly #nc: NatsConnection;
  #use: { at: number; answer: Promise<StoreUse | null> } | null = null;

  constructor(
    @Inject(Metrics) metrics: Metrics,
    @Inject(NATS) nc: NatsConnection,
    @Inject(TrackingTail) tracking: TrackingTail,
    @Inject(ScanPastTail) past: ScanPastTail,
    @Inject(CADENCE) cadence: Cadence,
  ) {
    this.#nc = nc;
    const use = (): Promise<StoreUse | null> => this.#storeUse();
    metrics
      .gauge({ name: 'dtm_scan_interval_seconds', help: 'How often each repository is scanned (SCRAPE_INTERVAL)' })
      .set(cadence.intervalMs / 1000);
    metrics.gauge({
      name: 'dtm_tracked_repositories',
      help: 'Repositories with a tracked tag',
      labelNames: ['registry'],
      collect() {
        this.reset();
        for (const { registry } of tracking.repositories()) this.inc({ registry });
      },
    });
    metrics.gauge({
      name: 'dtm_tracked_tags',
      help: 'Tags that are tracked',
      labelNames: ['registry'],
      collect() {
        this.reset();
        for (const { registry, tags } of tracking.repositories()) this.inc({ registry }, tags.size);
      },
    });
    metrics.gauge({
      name: 'dtm_last_scan_timestamp_seconds',
      help: 'When the newest scan that succeeded began, of repositories that are tracked; 0 where there was none',
      labelNames: ['registry'],
      collect() {
        const now = new Date();
        const newest = new Map<string, number>();
        for (const repository of tracking.repositories()) {
          const at = past.past(repository, now).lastSucceededAt?.getTime() ?? 0;
          newest.set(repository.registry, Math.max(newest.get(repository.registry) ?? 0, at));
        }
        this.reset();
        for (const [registry, at] of newest) this.set({ registry }, at / 1000);
      },
    });
    metrics.gauge({
      name: 'dtm_stream_messages',
      help: 'Messages in a stream; in SCANS, the scans that wait or are under way',
      labelNames: ['stream'],
      async collect() {
        this.reset();
        for (const { stream, messages } of (await use())?.streams ?? []) this.set({ stream }, messages);
      },
    });
    metrics.gauge({
      name: 'dtm_stream_bytes',
      help: 'Bytes of one copy of a stream',
      labelNames: ['stream'],
      async collect() {
        this.reset();
        for (const { stream, bytes } of (await use())?.streams ?? []) this.set({ stream }, bytes);
      },
    });
    metrics.gauge({
      name: 'dtm_store_bytes',
      help: 'Bytes that streams and buckets take of the store',
      async collect() {
        this.set((await use())?.usedBytes ?? NaN);
      },
    });
    metrics.gauge({
      name: 'dtm_store_limit_bytes',
      help: "Bytes that they may take; +Inf where only the servers' own limit holds",
      async collect() {
        this.set((await use())?.limitBytes ?? Infinity);
      },
    });
  }

  /** Null where the server is away: its metrics are then missing, the others are not. */
  #storeUse(): Promise<StoreUse | null> {
    const now = Date.now();
    if (this.#use === null || now - this.#use.at > SAME_READING_MS) {
      this.#use = { at: now, answer: storeUse(this.#nc).catch(() => null) };
    }
    return this.#use.answer;
  }
}
