import { Logger } from '@nestjs/common';
import { NoAnswer, type LookupPlan, type PopularImagesAnswer, type PopularLookups } from '@dtm/jetstream';
import { RepositoryName } from '@dtm/oci';
import { trackTags, type TrackingParts } from './track-tags.ts';

export interface PopularParts extends TrackingParts {
  lookups: Pick<PopularLookups, 'takeTurn' | 'giveBack' | 'succeeded'>;
  /** Null as soon as the signal says stop. Rejects with `NoAnswer`. */
  ask: (count: number, signal: AbortSignal) => Promise<PopularImagesAnswer | null>;
  plan: LookupPlan;
  now: () => Date;
}

type Turn = Parameters<PopularLookups['succeeded']>[0];

/** While nobody hears the question, which costs nothing, it is asked anew after so long, then ever later. */
const UNHEARD_MS = 5_000;
const UNHEARD_MAX_MS = 300_000;
/** A fetcher that starts beside this service is not worth a word. */
const UNHEARD_TOLD_AT = 5;

/** Tracks popular images with their newest tags. What keeps them away is told in one line and tried again later. */
export class PopularImages {
  readonly #parts: PopularParts;
  readonly #log = new Logger('discovery');
  #unheard = 0;

  constructor(parts: PopularParts) {
    this.#parts = parts;
  }

  /** Looks where that is due, by anyone. Returns when it may be due next. */
  async look(signal: AbortSignal): Promise<Date> {
    const { lookups, plan, now } = this.#parts;
    const turn = await lookups.takeTurn(now(), plan);
    if (!turn.mayLook) return turn.againAt;
    try {
      return await this.#lookNow(turn, signal);
    } catch (error) {
      if (signal.aborted) return now();
      if (!(error instanceof NoAnswer)) throw error;
      if (!error.wasUnheard) return this.#failed(error.message);
      await lookups.giveBack(turn);
      this.#unheard++;
      if (this.#unheard === UNHEARD_TOLD_AT) this.#log.warn('no registry-fetcher is there to look up popular images');
      return this.#after(Math.min(UNHEARD_MS * 2 ** (this.#unheard - 1), UNHEARD_MAX_MS));
    } finally {
      // Whoever runs next need not wait because this process ends.
      if (signal.aborted) await lookups.giveBack(turn).catch(() => undefined);
    }
  }

  async #lookNow(turn: Turn, signal: AbortSignal): Promise<Date> {
    const { ask, lookups, plan, now, trackingTail } = this.#parts;
    const answer = await ask(plan.count, signal);
    if (answer === null) return now();
    this.#unheard = 0;
    const { images, failure } = answer;
    await trackingTail.catchUp(signal);
    let tracked = 0;
    for (const { registry, repository, tags } of images) {
      tracked += await trackTags(this.#parts, RepositoryName.of(registry, repository), tags, 'popular', signal);
    }
    if (tracked > 0) this.#log.log(`${tracked} tags of ${images.length} popular images are tracked from now on`);
    if (failure?.code === 'throttled' || images.length === 0) {
      return this.#failed(failure?.reason ?? 'Docker Hub names none');
    }
    if (failure !== null) this.#log.warn(`some popular images could not be looked up: ${failure.reason}`);
    await lookups.succeeded(turn, now(), plan.count);
    return this.#after(plan.everyMs);
  }

  #failed(reason: string): Date {
    this.#log.warn(`popular images could not be looked up, trying again later: ${reason}`);
    return this.#after(this.#parts.plan.retryMs);
  }

  #after(ms: number): Date {
    return new Date(this.#parts.now().getTime() + ms);
  }
}
