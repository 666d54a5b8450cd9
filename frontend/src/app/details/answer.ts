import { Component, computed, inject, input, output } from '@angular/core';
import type { TagDetails, TagState } from '@dtm/api-contract';
import { CopyButton } from '../elements/copy-button.ts';
import { Moment } from '../elements/moment.ts';
import { ReferenceText } from '../elements/reference-text.ts';
import { StateBadge } from '../elements/state-badge.ts';
import { cadenceSentence } from '../wording/cadence.ts';
import { Clock } from '../wording/clock.ts';
import { shortDigest } from '../wording/digest.ts';
import { STATE_WORDS } from '../wording/kinds.ts';
import { sentenceOf } from '../wording/outcomes.ts';
import { WatchAgain } from './watch-again.ts';

const CURRENT: ReadonlySet<TagState> = new Set(['active', 'inactive', 'gone']);

/** The answer in five seconds: which tag, how often it is rebuilt, what to pin. */
@Component({
  selector: 'dtm-answer',
  imports: [CopyButton, Moment, ReferenceText, StateBadge, WatchAgain],
  templateUrl: './answer.html',
  styleUrl: './answer.css',
})
export class Answer {
  readonly tag = input.required<TagDetails>();
  /** Why the last scan failed, where it did. */
  readonly scanError = input<string | null>(null);
  /** Someone has it watched again. */
  readonly watched = output();

  readonly #clock = inject(Clock);
  protected readonly sentence = computed(() => cadenceSentence(this.tag(), this.#clock.now()));
  protected readonly short = shortDigest;
  /** Of what nobody looks at, or whose registry does not answer, the digest may be another by now. */
  protected readonly isCurrent = computed(() => CURRENT.has(this.tag().state));
  /** What the state means for whoever reads this, and why it is so; null where it is as everyone expects. */
  protected readonly meaning = computed(() => {
    const { state, trackedSince, nextScanReason } = this.tag();
    // Of one that is gone, the sentence above says so.
    if (state === 'active' || state === 'pending' || state === 'gone') return null;
    if (state === 'expired')
      return 'Nobody looked at it for long, so it was no longer scanned. This look begins it anew.';
    if (state === 'untracked')
      return trackedSince === null
        ? 'Not watched here: what is known of it was imported.'
        : 'No longer watched. Its record stays.';
    // The scheduler knows the interval and the reason.
    const rarely = state === 'inactive' && nextScanReason?.startsWith('scanned rarely') === true;
    return rarely ? sentenceOf(nextScanReason) : STATE_WORDS[state].meaning;
  });
  protected readonly failure = computed(() => {
    const failure = this.tag().failure ?? this.scanError();
    return failure === null ? null : sentenceOf(failure);
  });
  protected readonly pinned = computed(
    () => `${this.tag().registry}/${this.tag().repository}@${this.tag().digest ?? ''}`,
  );
}
