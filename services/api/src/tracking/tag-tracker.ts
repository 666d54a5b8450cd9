import { Inject, Injectable } from '@nestjs/common';
import type { TrackResult } from '@dtm/api-contract';
import { isInvalid, Reference } from '@dtm/oci';
import type { ReadModel } from '@dtm/read-model';
import { Bus } from '../bus/bus.ts';
import { BusAway } from '../bus/bus-away.ts';
import { READ_MODEL } from '../read-model/read-model-provider.ts';

/** Registries asked at once by one request. */
const CONCURRENCY = 8;
/** For one registry's answer. */
const QUESTION_DEADLINE_MS = 12_000;
/** For the request as a whole: browsers and proxies give up after 30 to 60 s. */
const REQUEST_DEADLINE_MS = 25_000;
/** How long what was done may take to show up in the read models before the answer goes out without it. */
const VISIBLE_WITHIN_MS = 2000;
const VISIBLE_POLL_MS = 40;

/** Tracks what people ask for: checks each reference, asks its registry whether the tag exists, records it. */
@Injectable()
export class TagTracker {
  constructor(
    @Inject(READ_MODEL) private readonly readModel: ReadModel,
    private readonly bus: Bus,
  ) {}

  /** What became of each text, in the order given; the same reference twice is asked for once. */
  async track(texts: readonly string[]): Promise<TrackResult[]> {
    const parsed = texts.map((text) => ({ text, reference: Reference.parse(text) }));
    const wanted = new Map<string, Reference>();
    for (const { reference } of parsed) if (!isInvalid(reference)) wanted.set(reference.toString(), reference);
    const outcomes = await this.#trackAll(wanted);
    return parsed.map(({ text, reference }): TrackResult => {
      if (isInvalid(reference)) {
        // What is not printable, or endless, is not repeated as it came.
        const given = /^[\x20-\x7e]{0,256}$/.test(text) ? text : reference.text;
        return { reference: given, outcome: 'invalid', reason: reference.reason };
      }
      const name = reference.toString();
      return (
        outcomes.get(name) ?? { reference: name, outcome: 'unreachable', reason: 'nothing is known of it: try again' }
      );
    });
  }

  /** Ends a tag's tracking for a person. */
  async untrack(reference: Reference): Promise<'untracked' | 'not-tracked'> {
    const outcome = await this.bus.untrack(reference);
    if (outcome === 'untracked') await this.#awaitTracked([reference.toString()], 0);
    return outcome;
  }

  async #trackAll(wanted: ReadonlyMap<string, Reference>): Promise<Map<string, TrackResult>> {
    const outcomes = new Map<string, TrackResult>();
    if (wanted.size === 0) return outcomes;
    const known = await this.readModel.trackedAmong([...wanted.keys()]);
    for (const name of known) outcomes.set(name, { reference: name, outcome: 'already-tracked' });
    const queue = [...wanted.values()].filter((reference) => !known.has(reference.toString()));
    const endAt = Date.now() + REQUEST_DEADLINE_MS;
    const work = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        outcomes.set(next.toString(), await this.#trackOne(next, endAt));
      }
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENCY, queue.length) }, work));
    const tracked = [...outcomes.values()].filter((one) => one.outcome === 'tracked').map((one) => one.reference);
    await this.#awaitTracked(tracked, tracked.length);
    return outcomes;
  }

  async #trackOne(reference: Reference, endAt: number): Promise<TrackResult> {
    const name = reference.toString();
    const remaining = endAt - Date.now();
    if (remaining <= 0) {
      return {
        reference: name,
        outcome: 'unreachable',
        reason: 'other references of this request took too long: send it again',
      };
    }
    try {
      const answer = await this.bus.tagExists(reference, Math.min(QUESTION_DEADLINE_MS, remaining));
      if (answer.outcome !== 'exists') return { reference: name, outcome: answer.outcome, reason: reasonOf(answer) };
    } catch (error) {
      if (!(error instanceof BusAway)) throw error;
      return { reference: name, outcome: 'unreachable', reason: error.message };
    }
    // A person overrides everything, so nothing is ever kept untracked here.
    const tracked = await this.bus.track(reference, 'person');
    return { reference: name, outcome: tracked === 'tracked' ? 'tracked' : 'already-tracked' };
  }

  /** Until so many of these are tracked in the read models: whoever is told of it looks there next, and should find it. */
  async #awaitTracked(names: string[], count: number): Promise<void> {
    const endAt = Date.now() + VISIBLE_WITHIN_MS;
    while (names.length > 0 && Date.now() < endAt) {
      if ((await this.readModel.trackedAmong(names)).size === count) return;
      await new Promise((resolve) => setTimeout(resolve, VISIBLE_POLL_MS));
    }
  }
}

function reasonOf({ reason, retryAt }: { reason: string; retryAt?: string }): string {
  return retryAt === undefined || reason.includes(retryAt) ? reason : `${reason} (again after ${retryAt})`;
}
