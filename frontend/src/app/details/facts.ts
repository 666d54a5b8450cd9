import { Component, computed, inject, input } from '@angular/core';
import type { TagDetails } from '@dtm/api-contract';
import { Moment } from '../elements/moment.ts';
import { Clock } from '../wording/clock.ts';
import { pushSourceInWords, TRACKED_BY_WORDS } from '../wording/kinds.ts';
import { boundsInWords } from '../wording/bounds.ts';
import { sinceInWords } from '../wording/cadence.ts';
import { recordEnd } from '../wording/record-end.ts';
import { DAY, dayInWords, durationInWords } from '../wording/time.ts';

/** `coverage.recentGaps` reaches so far back. */
const GAPS_KNOWN_FOR = 60 * DAY;
const GAPS_SHOWN = 3;

/** What else is known of a tag, and how well it is known. */
@Component({
  selector: 'dtm-facts',
  imports: [Moment],
  templateUrl: './facts.html',
  styleUrl: './facts.css',
})
export class Facts {
  readonly tag = input.required<TagDetails>();

  readonly #clock = inject(Clock);
  readonly #now = this.#clock.now();
  protected readonly since = computed(() => {
    const { trackedSince, cadence } = this.tag();
    if (cadence.watchedSince !== null) return sinceInWords(cadence.watchedSince, trackedSince, this.#now);
    return trackedSince === null ? 'not by this monitor' : `since ${dayInWords(trackedSince, this.#now)}`;
  });
  protected readonly trackedBy = TRACKED_BY_WORDS;
  protected readonly pushSource = pushSourceInWords;
  /** The newest first. A tag that is scanned rarely has one between any two scans. */
  protected readonly gaps = computed(() =>
    this.tag()
      .coverage.recentGaps.slice(-GAPS_SHOWN)
      .reverse()
      .map(({ from, to }) => ({
        words: boundsInWords({ notBefore: from, observedAt: to }, this.#now),
        length: durationInWords(Date.parse(to) - Date.parse(from)),
      })),
  );

  protected readonly moreGaps = computed(() => Math.max(0, this.tag().coverage.recentGaps.length - GAPS_SHOWN));

  /** Of what was only imported it is not known when anyone looked. */
  protected readonly unwatchedSince = computed(() => {
    const end = this.tag().trackedSince === null ? null : recordEnd(this.tag(), this.#now);
    return end === null ? null : dayInWords(end, this.#now);
  });

  /** What the absence of gaps says: no more than since when there is a watch. */
  protected readonly noGaps = computed(() => {
    const { coverage, trackedSince } = this.tag();
    if (trackedSince === null) return 'not watched here yet';
    if (coverage.since === null) return 'nothing observed yet';
    const young = this.#now - Date.parse(coverage.since) < GAPS_KNOWN_FOR;
    return young ? `none since ${dayInWords(coverage.since, this.#now)}` : 'none in the last 60 days';
  });

  /** Between two changes, or since the last one where that is longer by now. */
  protected readonly longestPause = computed(() => {
    const { cadence, lastChangedAt } = this.tag();
    const longest = (cadence.longestGapSeconds ?? 0) * 1_000;
    const end = recordEnd(this.tag(), this.#now);
    const until = end === null ? this.#now : Date.parse(end);
    const silence = lastChangedAt === null ? 0 : until - Date.parse(lastChangedAt);
    if (cadence.longestGapSeconds === null) return null;
    if (silence <= longest) return durationInWords(longest);
    return `${durationInWords(silence)}, until ${end === null ? 'now' : dayInWords(end, this.#now)}`;
  });

  protected counted(changes: number): string {
    return changes.toLocaleString('en');
  }

  protected isDue(at: string): boolean {
    return Date.parse(at) <= this.#clock.now();
  }
}
