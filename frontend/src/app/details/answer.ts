import { Component, computed, inject, input } from '@angular/core';
import type { TagDetails } from '@dtm/api-contract';
import { CopyButton } from '../elements/copy-button.ts';
import { Moment } from '../elements/moment.ts';
import { ReferenceText } from '../elements/reference-text.ts';
import { StateBadge } from '../elements/state-badge.ts';
import { cadenceSentence } from '../wording/cadence.ts';
import { Clock } from '../wording/clock.ts';
import { shortDigest } from '../wording/digest.ts';
import { STATE_WORDS } from '../wording/kinds.ts';

/** The answer in five seconds: which tag, how often it is rebuilt, what to pin. */
@Component({
  selector: 'dtm-answer',
  imports: [CopyButton, Moment, ReferenceText, StateBadge],
  templateUrl: './answer.html',
  styleUrl: './answer.css',
})
export class Answer {
  readonly tag = input.required<TagDetails>();
  /** Why the last scan failed, where it did. */
  readonly scanError = input<string | null>(null);

  readonly #clock = inject(Clock);
  protected readonly sentence = computed(() => cadenceSentence(this.tag(), this.#clock.now()));
  protected readonly short = shortDigest;
  protected readonly stateWords = STATE_WORDS;
  protected readonly pinned = computed(
    () => `${this.tag().registry}/${this.tag().repository}@${this.tag().digest ?? ''}`,
  );
}
