import { Inject, Injectable, Logger } from '@nestjs/common';
import { ThrottleBook } from '@dtm/jetstream';
import type { ScanReport } from './repository-scan.ts';

/** A registry that fails fails for all its repositories: one of them in this time is enough to tell of it. */
const NOTED_EVERY_MS = 5_000;

/** Tells the throttle book, which the status page reads, what went wrong with each registry last. */
@Injectable()
export class LastErrors {
  readonly #log = new Logger('scan');
  /** Epoch ms of the last note, by registry. */
  readonly #notedAt = new Map<string, number>();

  constructor(@Inject(ThrottleBook) private readonly book: Pick<ThrottleBook, 'noteError'>) {}

  /** Notes what a scan met, if anything. Never rejects: the scan itself is done and told of elsewhere. */
  async note(report: ScanReport, now = Date.now()): Promise<void> {
    const { registry } = report.event;
    const message = errorOf(report);
    if (message === null || now - (this.#notedAt.get(registry) ?? -Infinity) < NOTED_EVERY_MS) return;
    this.#notedAt.set(registry, now);
    try {
      await this.book.noteError(registry, message);
    } catch (error) {
      this.#log.warn(`the last error of ${registry} is not noted: ${String(error)}`);
    }
  }
}

/** Null where all went well. */
function errorOf(report: ScanReport): string | null {
  const { repository } = report.event;
  if (report.outcome === 'failed') return `${repository}: ${report.event.error}`;
  const [first, ...others] = report.event.failures;
  if (first === undefined) return null;
  const more = others.length === 0 ? '' : ` (and ${others.length} more of its tags)`;
  return `${repository}:${first.tag}: ${first.reason}${more}`;
}
