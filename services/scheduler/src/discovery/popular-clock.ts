import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { pause } from '@dtm/jetstream';
import { PopularImages } from './popular-images.ts';

const LEAST_PAUSE_MS = 1_000;
/** The intervals that can be configured are longer than a timer can be; to see that nothing is due costs one read. */
const LONGEST_PAUSE_MS = 6 * 3_600_000;
const AFTER_FAILURE_MS = 60_000;

/** Looks up popular images at the start and whenever that is due again. */
@Injectable()
export class PopularClock implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #stop = new AbortController();
  readonly #log = new Logger('discovery');
  #running: Promise<void> = Promise.resolve();

  constructor(@Inject(PopularImages) private readonly popular: PopularImages) {}

  /** The start of the service is not to wait for it. */
  onApplicationBootstrap(): void {
    this.#running = this.#run();
  }

  async onModuleDestroy(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      let wait = AFTER_FAILURE_MS;
      try {
        const next = await this.popular.look(signal);
        wait = Math.min(Math.max(next.getTime() - Date.now(), LEAST_PAUSE_MS), LONGEST_PAUSE_MS);
      } catch (error) {
        if (!signal.aborted) this.#log.error(`looking up popular images failed, trying again: ${String(error)}`);
      }
      await pause(wait, signal);
    }
  }
}
