import { Controller, Inject, Logger, UseFilters } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { KeepErrorClass, RetryLater, type ScanJob } from '@dtm/jetstream';
import { LastErrors } from './last-errors.ts';
import { RepositoryScan, type ScanParts } from './repository-scan.ts';
import { ScanMetrics } from './scan-metrics.ts';

/** Injects `ScanParts`. */
export const SCAN_PARTS = Symbol('ScanParts');

/** The event pattern of scan requests. */
export const SCAN_REQUEST = 'scan.request';

/** Handles scan requests: acknowledged when it resolves, delivered again when it rejects. */
@Controller()
@UseFilters(KeepErrorClass)
export class ScanHandler {
  readonly #log = new Logger('scan');

  constructor(
    @Inject(SCAN_PARTS) private readonly parts: ScanParts,
    @Inject(ScanMetrics) private readonly metrics: ScanMetrics,
    @Inject(LastErrors) private readonly lastErrors: LastErrors,
  ) {}

  @EventPattern<string>(SCAN_REQUEST)
  async scan(@Payload() job: ScanJob): Promise<void> {
    const { request, signal } = job;
    const name = `${request.registry}/${request.repository}`;
    try {
      const report = await new RepositoryScan(this.parts, request, signal).run();
      if (report === null) return;
      this.metrics.note(report);
      void this.lastErrors.note(report);
      const ids = { scanRequest: job.id, scanId: report.event.scanId };
      if (report.outcome === 'failed') this.#log.warn({ msg: `scan of ${name} failed: ${report.event.error}`, ...ids });
      else if (report.event.changes > 0)
        this.#log.log({ msg: `${name}: ${report.event.changes} changes recorded`, ...ids });
      else this.#log.debug({ msg: `${name}: as it was`, ...ids });
    } catch (error) {
      if (signal.aborted && !(error instanceof RetryLater))
        throw new RetryLater('the fetcher drains', 0, { cause: error });
      if (error instanceof RetryLater)
        this.#log.debug({ msg: `scan of ${name} is put off: ${error.message}`, scanRequest: job.id });
      throw error;
    }
  }
}
