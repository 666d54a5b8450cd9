import { Controller, Inject, Logger, UseFilters, type OnModuleDestroy } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { KeepErrorClass, type ScanNewsJob, type WorkSource } from '@dtm/jetstream';
import { RepositoryName } from '@dtm/oci';
import { trackTags, type TrackingParts } from './track-tags.ts';

/** The event pattern of scans that succeeded. */
export const SCAN_DONE = 'scan.done';

/** Injects the source of these events: a `ScanNews`, or a `NoScanNews` where new tags are not to be tracked. */
export const SCAN_NEWS = Symbol('ScanNews');

/** Injects `TrackingParts`. */
export const TRACKING_PARTS = Symbol('TrackingParts');

/** Tracks the tags that scans saw appear. At least once: what is tracked already stays as it is. */
@Controller()
@UseFilters(KeepErrorClass)
export class NewTags implements OnModuleDestroy {
  readonly #log = new Logger('discovery');

  constructor(
    @Inject(TRACKING_PARTS) private readonly parts: TrackingParts,
    @Inject(SCAN_NEWS) private readonly news: WorkSource<ScanNewsJob>,
  ) {}

  @EventPattern<string>(SCAN_DONE)
  async track(@Payload() { event, signal }: ScanNewsJob): Promise<void> {
    const { registry, repository, appeared = [] } = event;
    if (appeared.length === 0) return;
    const name = RepositoryName.of(registry, repository);
    const { trackingTail } = this.parts;
    await trackingTail.catchUp(signal);
    // Nobody watches the repository any more.
    if (trackingTail.repository(name) === null) return;
    const tracked = await trackTags(this.parts, name, appeared, 'new-tag', signal);
    if (tracked === 0) return;
    this.#log.log({ msg: `${name.toString()}: ${tracked} new tags are tracked from now on`, scanId: event.scanId });
  }

  /** Before the tails end, which the work needs. */
  async onModuleDestroy(): Promise<void> {
    await this.news.stop();
  }
}
