import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { pause, TrackingTail } from '@dtm/jetstream';
import { Expiry } from '../expiry/expiry.ts';
import { ScanPastTail } from './scan-past-tail.ts';
import { Schedule } from './schedule.ts';

const TICK_MS = 250;
const AFTER_FAILURE_MS = 2_000;
const EXPIRY_EVERY_MS = 3_600_000;

/** Drives the schedule. No delivery depends on it: a tick that fails finds the same repositories due the next time. */
@Injectable()
export class ScheduleClock implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #stop = new AbortController();
  readonly #log = new Logger('schedule');
  #running: Promise<unknown> = Promise.resolve();

  constructor(
    @Inject(Schedule) private readonly schedule: Schedule,
    @Inject(Expiry) private readonly expiry: Expiry,
    @Inject(TrackingTail) private readonly trackingTail: TrackingTail,
    @Inject(ScanPastTail) private readonly pastTail: ScanPastTail,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await Promise.all([this.trackingTail.start(), this.pastTail.start()]);
    this.#running = Promise.all([this.#tick(), this.#expire()]);
    void this.#endWithTails();
  }

  async onModuleDestroy(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await Promise.all([this.trackingTail.stop(), this.pastTail.stop()]);
  }

  /**
   * A failed tail holds what is no longer kept up, and nothing but a new start mends that: unhandled, its failure ends the
   * service with its words, and whoever supervises it starts it again.
   */
  async #endWithTails(): Promise<void> {
    try {
      await Promise.all([this.trackingTail.ended, this.pastTail.ended]);
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    }
  }

  async #tick(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      let wait = TICK_MS;
      try {
        const requested = await this.schedule.requestDue(new Date());
        if (requested > 0) this.#log.debug(`asked for ${requested} scans`);
      } catch (error) {
        this.#log.error(`asking for scans failed, trying again: ${String(error)}`);
        wait = AFTER_FAILURE_MS;
      }
      await pause(wait, this.#stop.signal);
    }
  }

  async #expire(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        const expired = await this.expiry.expireUnseen(new Date(), this.#stop.signal);
        if (expired > 0) this.#log.log(`${expired} tags that nobody looked at are no longer scanned`);
      } catch (error) {
        this.#log.error(`looking for tags that nobody looks at failed, trying again: ${String(error)}`);
      }
      await pause(EXPIRY_EVERY_MS, this.#stop.signal);
    }
  }
}
