import { Inject, Injectable } from '@nestjs/common';
import { Metrics } from '@dtm/service-host';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { AdapterCheck } from '../registries/client-reader.ts';
import type { ScanReport } from './repository-scan.ts';

/** Halted registries that are told of: questions of strangers can have any number of them halted. */
const MAX_HALTED = 1_000;

/** What scans look like to Prometheus; by registry, never by repository or tag. */
@Injectable()
export class ScanMetrics {
  readonly #scans: Counter<'registry' | 'outcome'>;
  readonly #observations: Counter<'registry'>;
  readonly #changes: Counter<'registry'>;
  readonly #requests: Counter<'registry'>;
  readonly #failures: Counter<'registry' | 'code'>;
  readonly #seconds: Histogram<'registry'>;
  readonly #samples: Counter<'registry' | 'adapter'>;
  readonly #disagreements: Counter<'registry' | 'adapter'>;
  readonly #haltedUntil: Gauge<'registry'>;
  /** The one that was halted longest ago first. */
  readonly #halted = new Set<string>();

  constructor(@Inject(Metrics) metrics: Metrics) {
    const registers = [metrics];
    this.#scans = new Counter({
      name: 'dtm_scans_total',
      help: 'Scans of repositories that ended',
      labelNames: ['registry', 'outcome'],
      registers,
    });
    this.#observations = new Counter({
      name: 'dtm_observations_total',
      help: 'Tags whose digest was learned',
      labelNames: ['registry'],
      registers,
    });
    this.#changes = new Counter({
      name: 'dtm_changes_recorded_total',
      help: 'Events appended to HISTORY',
      labelNames: ['registry'],
      registers,
    });
    this.#requests = new Counter({
      name: 'dtm_registry_requests_total',
      help: 'HTTP requests of scans, token requests and redirects included',
      labelNames: ['registry'],
      registers,
    });
    this.#failures = new Counter({
      name: 'dtm_tag_failures_total',
      help: 'Tags that gave no answer that can be recorded',
      labelNames: ['registry', 'code'],
      registers,
    });
    this.#samples = new Counter({
      name: 'dtm_adapter_samples_total',
      help: 'Tags of which an agreeing list was checked by asking the registry itself',
      labelNames: ['registry', 'adapter'],
      registers,
    });
    this.#disagreements = new Counter({
      name: 'dtm_adapter_disagreements_total',
      help: 'Tags of which a list named another digest than the registry itself',
      labelNames: ['registry', 'adapter'],
      registers,
    });
    this.#haltedUntil = new Gauge({
      name: 'dtm_registry_halted_until_timestamp_seconds',
      help: 'Until when a registry that refused requests is left alone, or was the last time; as this fetcher knows it',
      labelNames: ['registry'],
      registers,
    });
    this.#seconds = new Histogram({
      name: 'dtm_scan_seconds',
      help: 'Duration of scans of a repository',
      labelNames: ['registry'],
      buckets: [0.05, 0.2, 1, 5, 30, 120, 600],
      registers,
    });
  }

  /** Counts how often an adapter's list was checked, and found wrong. */
  noteCheck(registry: string, adapter: string, { sampled, disagreements }: AdapterCheck): void {
    if (sampled > 0) this.#samples.inc({ registry, adapter }, sampled);
    // Also by 0: an increase is seen only of what was there before.
    this.#disagreements.inc({ registry, adapter }, disagreements);
  }

  /** Notes until when a registry is halted. */
  noteHalt(registry: string, until: Date): void {
    this.#haltedUntil.set({ registry }, until.getTime() / 1000);
    this.#halted.delete(registry);
    this.#halted.add(registry);
    if (this.#halted.size <= MAX_HALTED) return;
    const [longestAgo] = this.#halted;
    if (longestAgo === undefined) return;
    this.#halted.delete(longestAgo);
    this.#haltedUntil.remove({ registry: longestAgo });
  }

  /** Counts a scan that has ended. */
  note(report: ScanReport): void {
    const { registry, requests, startedAt, finishedAt } = report.event;
    this.#scans.inc({ registry, outcome: report.outcome });
    this.#requests.inc({ registry }, requests);
    this.#seconds.observe({ registry }, (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000);
    if (report.outcome !== 'scanned') return;
    this.#observations.inc({ registry }, report.event.observations);
    this.#changes.inc({ registry }, report.event.changes);
    for (const { code } of report.event.failures) this.#failures.inc({ registry, code });
  }
}
