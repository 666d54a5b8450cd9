import { Injectable, Logger } from '@nestjs/common';
import type { Reference } from '@dtm/oci';
import type { TagStateName } from '@dtm/read-model';
import { Bus } from '../bus/bus.ts';
import { BusAway } from '../bus/bus-away.ts';

/** Notes that someone looked at a tag; a look at an expired one revives it. Nobody waits for it, and no failure is the viewer's. */
@Injectable()
export class ViewRecorder {
  readonly #logger = new Logger('Views');

  constructor(private readonly bus: Bus) {}

  viewed(reference: Reference, state: TagStateName): void {
    if (state === 'untracked') return;
    void this.#note(reference, state).catch((error: unknown) => {
      if (error instanceof BusAway) return;
      this.#logger.warn(
        `the view of ${reference.toString()} is not noted: ${error instanceof Error ? error.message : String(error)}`,
      );
    });
  }

  async #note(reference: Reference, state: TagStateName): Promise<void> {
    // The view comes first: were it missing, the next clean-up would end the tag again.
    await this.bus.noteView(reference);
    if (state === 'expired') await this.bus.track(reference, 'view');
  }
}
