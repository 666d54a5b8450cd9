import { Controller, Inject, Logger, UseFilters } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { KeepErrorClass, RetryLater, type FactsJob } from '@dtm/jetstream';
import { isRegistryFailure } from '@dtm/registry-client';
import { DigestFacts, type FactsParts } from './digest-facts.ts';
import { FactsMetrics } from './facts-metrics.ts';

/** Injects `FactsParts`. */
export const FACTS_PARTS = Symbol('FactsParts');

/** The event pattern of digests that were observed. */
export const DIGEST_OBSERVED = 'digest.observed';

/** Reads the facts of digests: a job is acknowledged when it resolves, delivered again when it rejects. */
@Controller()
@UseFilters(KeepErrorClass)
export class FactsHandler {
  readonly #log = new Logger('facts');
  readonly #facts: DigestFacts;

  constructor(
    @Inject(FACTS_PARTS) parts: FactsParts,
    @Inject(FactsMetrics) private readonly metrics: FactsMetrics,
  ) {
    this.#facts = new DigestFacts(parts);
  }

  @EventPattern<string>(DIGEST_OBSERVED)
  async describe(@Payload() job: FactsJob): Promise<void> {
    const { registry, repository, digest } = job.observed;
    try {
      const report = await this.#facts.describe(job);
      this.metrics.note(registry, report);
      this.metrics.noteRequests(registry, report.requests);
      if (report.outcome === 'given-up') this.#log.warn(`${report.failure.message}: its facts are given up`);
      else this.#log.debug(`${registry}/${repository}@${digest}: ${report.outcome}`);
    } catch (error) {
      if (error instanceof RetryLater) {
        if (isRegistryFailure(error.cause)) this.metrics.noteRequests(registry, error.cause.requests);
        this.#log.debug(`facts of ${registry}/${repository}@${digest} are put off: ${error.message}`);
      }
      throw error;
    }
  }
}
