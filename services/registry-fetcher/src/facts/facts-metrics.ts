import { Inject, Injectable } from '@nestjs/common';
import { Metrics } from '@dtm/service-host';
import { Counter } from 'prom-client';
import type { FactsReport } from './digest-facts.ts';

/** What the reading of facts looks like to Prometheus: apart from scans, whose cost per tag is watched. */
@Injectable()
export class FactsMetrics {
  readonly #digests: Counter<'registry' | 'outcome'>;
  readonly #requests: Counter<'registry'>;

  constructor(@Inject(Metrics) metrics: Metrics) {
    const registers = [metrics];
    this.#digests = new Counter({
      name: 'dtm_facts_digests_total',
      help: 'Digests whose platforms, sizes and build date were read, were known, or are not to be had',
      labelNames: ['registry', 'outcome'],
      registers,
    });
    this.#requests = new Counter({
      name: 'dtm_facts_requests_total',
      help: 'HTTP requests for facts of manifests, token requests and redirects included; not part of dtm_registry_requests_total',
      labelNames: ['registry'],
      registers,
    });
  }

  /** Counts a digest that needs no further look. */
  note(registry: string, { outcome }: FactsReport): void {
    this.#digests.inc({ registry, outcome });
  }

  /** Counts what was sent, whatever came of it. */
  noteRequests(registry: string, requests: number): void {
    this.#requests.inc({ registry }, requests);
  }
}
