import { LiveAnnouncer } from '@angular/cdk/a11y';
import { DOCUMENT } from '@angular/common';
import {
  Component,
  computed,
  DestroyRef,
  effect,
  inject,
  input,
  linkedSignal,
  type OnInit,
  signal,
} from '@angular/core';
import { Router } from '@angular/router';
import type { Change, ChangeMessage, FrequencyInterval, Page, ScanMessage, TagDetails } from '@dtm/api-contract';
import type { Reference } from '@dtm/oci';
import { latest } from '../api/latest.ts';
import { LiveFeed } from '../api/live-feed.ts';
import { pageInstead } from '../api/page-instead.ts';
import { TagsApi } from '../api/tags-api.ts';
import { TroubleNotice } from '../elements/trouble-notice.ts';
import { PageHeading } from '../shell/page-heading.ts';
import { cadenceSentence } from '../wording/cadence.ts';
import { Clock } from '../wording/clock.ts';
import { detailsLink } from '../wording/links.ts';
import { Answer } from './answer.ts';
import { ChangeTable } from './change-table.ts';
import { Facts } from './facts.ts';
import { Frequencies } from './frequencies.ts';
import { announcementOf, changedDetails, withNewChange } from './live-record.ts';
import { MoreTags } from './more-tags.ts';
import { UnknownTag } from './unknown-tag.ts';

const CHANGES_A_PAGE = 12;
/** A record that is not there yet is looked for so often, should the live stream stay silent. */
const POLL = 2_000;
/** The read models follow the event by a moment; several changes are read at once. */
const SETTLE = 250;

/** The record of one tag, live. */
@Component({
  selector: 'dtm-tag-record',
  imports: [Answer, ChangeTable, Facts, Frequencies, MoreTags, TroubleNotice, UnknownTag],
  templateUrl: './tag-record.html',
  styleUrl: './tag-record.css',
})
export class TagRecord implements OnInit {
  readonly of = input.required<Reference>();
  readonly page = input.required<number>();
  readonly interval = input.required<FrequencyInterval>();

  readonly #api = inject(TagsApi);
  readonly #feed = inject(LiveFeed);
  readonly #announcer = inject(LiveAnnouncer);
  readonly #document = inject(DOCUMENT);
  readonly #destroyRef = inject(DestroyRef);
  protected readonly clock = inject(Clock);

  protected readonly reference = computed(() => this.of().toString());
  /** Someone asked for it to be watched just now, here. */
  protected readonly asked = signal(false);
  /** Sequences of changes that arrived while the page was open. */
  protected readonly fresh = signal<ReadonlySet<number>>(new Set());
  /** What the last failed scan said, while nothing was observed yet. */
  protected readonly scanError = signal<string | null>(null);
  /** Counts up whenever what the charts draw may have changed. */
  protected readonly version = signal(0);

  readonly #details = this.#api.details(this.reference);
  readonly #detailsLatest = latest(this.#details);
  protected readonly tag = linkedSignal<TagDetails | undefined>(() => this.#detailsLatest.value());
  protected readonly trouble = computed(() => {
    const trouble = this.#detailsLatest.trouble();
    return trouble?.status === 404 ? null : trouble;
  });
  protected readonly unknown = computed(
    () => this.tag() === undefined && this.#detailsLatest.trouble()?.status === 404,
  );
  protected readonly waiting = this.#detailsLatest.waiting;

  readonly #changes = this.#api.changes(() =>
    this.#exists() ? { reference: this.reference(), page: this.page(), limit: CHANGES_A_PAGE } : undefined,
  );
  protected readonly changesLatest = latest(this.#changes);
  protected readonly changes = linkedSignal<Page<Change> | undefined>(() => {
    const changes = this.changesLatest.value();
    // From beyond the end the way leads to the last page, and until then nothing is said of it.
    const beyond = changes?.items.length === 0 && (changes.total ?? 0) > 0;
    return beyond && (this.changesLatest.busy() || this.#pageInstead() !== null) ? undefined : changes;
  });
  readonly #exists = computed(() => this.tag() !== undefined);
  /** Of an answer for another page than this nothing follows. */
  readonly #pageInstead = computed(() =>
    this.changesLatest.busy() ? null : pageInstead(this.page(), CHANGES_A_PAGE, this.changesLatest.value()),
  );

  #poll: ReturnType<typeof setInterval> | undefined;
  #settle: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    const heading = inject(PageHeading);
    effect(() => {
      const tag = this.tag();
      const { repository, tag: name } = this.of();
      const words =
        tag === undefined ? `What ${this.reference()} pointed to, and when.` : cadenceSentence(tag, Date.now());
      heading.set(`${repository}:${name}`, words);
    });
    const router = inject(Router);
    effect(() => {
      const page = this.#pageInstead();
      if (page === null) return;
      const queryParams = { page: page === 1 ? null : page };
      void router.navigate(detailsLink(this.reference()), {
        queryParams,
        queryParamsHandling: 'merge',
        replaceUrl: true,
      });
    });
    effect(() => {
      const pending = this.tag()?.state === 'pending' || (this.tag() === undefined && this.asked());
      clearInterval(this.#poll);
      if (pending) this.#poll = setInterval(() => this.#details.reload(), POLL);
    });
    this.#destroyRef.onDestroy(() => {
      clearInterval(this.#poll);
      clearTimeout(this.#settle);
    });
  }

  ngOnInit(): void {
    this.#feed.follow(
      {
        reference: this.reference(),
        changes: (messages) => messages.forEach((message) => this.#changed(message)),
        scan: (message) => this.#scanned(message),
        resumed: () => this.reload(),
      },
      this.#destroyRef,
    );
  }

  protected reload(): void {
    this.#details.reload();
    this.#changes.reload();
    this.version.update((version) => version + 1);
  }

  protected watched(): void {
    this.asked.set(true);
    this.watchedAgain();
  }

  protected watchedAgain(): void {
    // The button that asked for it goes; the keyboard begins anew at the record, as on another page.
    this.#document.getElementById('content')?.focus({ preventScroll: true });
    this.reload();
  }

  #changed({ reference, change }: ChangeMessage): void {
    if (reference !== this.reference()) return;
    this.scanError.set(null);
    this.fresh.update((fresh) => new Set([...fresh, change.sequence]));
    this.tag.update((tag) => (tag === undefined ? tag : changedDetails(tag, change)));
    if (this.page() === 1) {
      this.changes.update((page) => (page === undefined ? page : withNewChange(page, change, CHANGES_A_PAGE)));
    }
    void this.#announcer.announce(announcementOf(reference, change));
    this.#reloadSoon();
  }

  #scanned({ registry, repository, error, failures }: ScanMessage): void {
    const { registry: ownRegistry, repository: ownRepository, tag } = this.of();
    if (registry !== ownRegistry || repository !== ownRepository) return;
    this.scanError.set(error ?? failures.find((failure) => failure.tag === tag)?.reason ?? null);
    this.#reloadSoon();
  }

  #reloadSoon(): void {
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => this.reload(), SETTLE);
  }
}
