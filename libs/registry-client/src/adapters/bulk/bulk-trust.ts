import { createHash } from 'node:crypto';
import type { RepositoryName } from '@dtm/oci';

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
/** Repositories that are remembered; beyond that all are forgotten, which costs a few requests. */
const MAX_REPOSITORIES = 100_000;
/** So many of the last samples of a registry may disagree. */
const SAMPLES_KEPT = 20;
const SAMPLES_AGAINST = 2;
/** Failed reads of a registry in a row until its API is left alone for an hour. */
const OUTAGE_AFTER = 3;

export interface TrustOptions {
  now?: () => Date;
  /** From 0 up to 1, without 1. */
  random?: () => number;
  /** Told when a registry is asked tag by tag for a while, and why; for logs. */
  onSwitch?: (registry: string, until: Date, reason: string) => void;
}

/**
 * Whether registries' own APIs are to be believed, and asked: sampled against the registries themselves, one random tag per
 * repository and day. Kept in memory: a restart forgives.
 */
export class BulkTrust {
  readonly now: () => Date;
  readonly random: () => number;
  readonly #onSwitch: NonNullable<TrustOptions['onSwitch']>;
  readonly #startedAt: number;
  /** Milliseconds since the epoch until which it is not asked, by registry and by repository. */
  readonly #leftAlone = new Map<string, number>();
  readonly #samples = new Map<string, boolean[]>();
  readonly #outages = new Map<string, number>();
  readonly #sampledAt = new Map<string, number>();

  constructor({ now = () => new Date(), random = Math.random, onSwitch = () => undefined }: TrustOptions = {}) {
    this.now = now;
    this.random = random;
    this.#onSwitch = onSwitch;
    this.#startedAt = now().getTime();
  }

  mayAsk(name: RepositoryName): boolean {
    return !this.#isLeftAlone(name.registry) && !this.#isLeftAlone(name.toString());
  }

  /** Until when a registry is asked tag by tag because its API was found wrong or broken; null: it is believed. */
  switchedUntil(registry: string): Date | null {
    return this.#isLeftAlone(registry) ? new Date(this.#leftAlone.get(registry) ?? 0) : null;
  }

  /** Whether the repository's sample of the day is due: each at its own time of day, so that they do not come all at once. */
  isSampleDue(name: RepositoryName): boolean {
    const now = this.now().getTime();
    const offset = createHash('sha256').update(name.toString()).digest().readUInt32BE() % DAY_MS;
    const due = Math.floor((now - offset) / DAY_MS) * DAY_MS + offset;
    return (this.#sampledAt.get(name.toString()) ?? this.#startedAt) < due;
  }

  noteSample(name: RepositoryName, agrees: boolean): void {
    if (this.#sampledAt.size >= MAX_REPOSITORIES) this.#sampledAt.clear();
    this.#sampledAt.set(name.toString(), this.now().getTime());
    const samples = this.#samples.get(name.registry) ?? [];
    this.#samples.set(name.registry, samples);
    samples.push(agrees);
    if (samples.length > SAMPLES_KEPT) samples.shift();
    const against = samples.filter((sample) => !sample).length;
    if (against < SAMPLES_AGAINST) return;
    samples.length = 0;
    this.#leaveAlone(name.registry, DAY_MS, `its API disagreed with it in ${against} of the last samples`);
  }

  /** The API is of no use for this repository. */
  noteUseless(name: RepositoryName, reason: string): void {
    this.#leaveAlone(name.toString(), DAY_MS, reason);
  }

  noteOutage(registry: string, reason: string): void {
    const outages = (this.#outages.get(registry) ?? 0) + 1;
    this.#outages.set(registry, outages % OUTAGE_AFTER);
    if (outages >= OUTAGE_AFTER) this.#leaveAlone(registry, HOUR_MS, reason);
  }

  noteAnswer(registry: string): void {
    this.#outages.delete(registry);
  }

  #isLeftAlone(key: string): boolean {
    const until = this.#leftAlone.get(key);
    if (until === undefined) return false;
    if (until > this.now().getTime()) return true;
    this.#leftAlone.delete(key);
    return false;
  }

  #leaveAlone(key: string, milliseconds: number, reason: string): void {
    if (this.#leftAlone.size >= MAX_REPOSITORIES) this.#leftAlone.clear();
    const until = new Date(this.now().getTime() + milliseconds);
    this.#leftAlone.set(key, until.getTime());
    this.#onSwitch(key, until, reason);
  }
}
