import { LiveAnnouncer } from '@angular/cdk/a11y';
import {
  afterNextRender,
  Component,
  computed,
  DestroyRef,
  effect,
  inject,
  Injector,
  input,
  linkedSignal,
  signal,
  untracked,
  viewChild,
} from '@angular/core';
import { Router, RouterLink } from '@angular/router';
import {
  TAG_STATES,
  type ChangeMessage,
  type Page,
  type ScanMessage,
  type TagSort,
  type TagSummary,
} from '@dtm/api-contract';
import { isInvalid, Reference } from '@dtm/oci';
import { latest } from '../api/latest.ts';
import { LiveFeed } from '../api/live-feed.ts';
import { pageInstead } from '../api/page-instead.ts';
import { TagsApi, type TagsQuery } from '../api/tags-api.ts';
import { Pager } from '../elements/pager.ts';
import { TroubleNotice } from '../elements/trouble-notice.ts';
import { PageHeading } from '../shell/page-heading.ts';
import { STATE_WORDS } from '../wording/kinds.ts';
import { detailsLink } from '../wording/links.ts';
import { NO_NEWS, newsInWords, withChanges, withNews, type News } from './live-rows.ts';
import { PAGE_SIZES, queryOf, sortedBy, textsOf, type QueryText } from './overview-query.ts';
import { isSearchable, SEARCHED_AT_MOST, SearchHits } from './search-hits.ts';
import { TagSearch } from './tag-search.ts';
import { TagTable } from './tag-table.ts';
import { WatchOffer } from './watch-offer.ts';

/** A new tag reaches the list by way of the record: this long after it was asked for. */
const RECORD_DELAY = 700;

const NOTHING: Page<TagSummary> = { items: [], total: 0, page: 1, pages: 1, next: null };

const SORT_WORDS: [sort: TagSort, label: string][] = [
  ['changes', 'Changes'],
  ['lastChangedAt', 'Last change'],
  ['trackedSince', 'Watched since'],
  ['registry', 'Registry'],
  ['repository', 'Repository'],
  ['tag', 'Tag'],
];

/** Search first, then the watched tags; whatever is chosen is in the address. */
@Component({
  selector: 'dtm-overview-page',
  providers: [SearchHits],
  imports: [Pager, RouterLink, TagSearch, TagTable, TroubleNotice, WatchOffer],
  templateUrl: './overview-page.html',
  styleUrl: './overview-page.css',
})
export class OverviewPage {
  readonly q = input<QueryText>();
  readonly state = input<QueryText>();
  readonly sort = input<QueryText>();
  readonly order = input<QueryText>();
  readonly page = input<QueryText>();
  readonly limit = input<QueryText>();

  readonly #router = inject(Router);
  readonly #announcer = inject(LiveAnnouncer);
  readonly #api = inject(TagsApi);
  readonly #hits = inject(SearchHits);
  protected readonly search = viewChild.required(TagSearch);
  protected readonly offer = viewChild.required(WatchOffer);
  protected readonly table = viewChild(TagTable);

  protected readonly query = computed<TagsQuery>(
    () =>
      queryOf({
        q: this.q(),
        state: this.state(),
        sort: this.sort(),
        order: this.order(),
        page: this.page(),
        limit: this.limit(),
      }),
    { equal: (one, other) => JSON.stringify(one) === JSON.stringify(other) },
  );
  /** Nothing contains what no reference can: that need not be asked. */
  readonly #searchable = computed(() => isSearchable(this.query().q));
  readonly #resource = this.#api.list(() => (this.#searchable() ? this.query() : undefined));
  protected readonly list = latest(this.#resource);
  /** Of an answer for another query than this nothing follows. */
  readonly #pageInstead = computed(() =>
    this.list.busy() ? null : pageInstead(this.query().page, this.query().limit, this.list.value()),
  );
  /** The list as read, with the changes that came in since. */
  protected readonly rows = linkedSignal<Page<TagSummary> | undefined>(() => {
    if (!this.#searchable()) return NOTHING;
    const list = this.list.value();
    // Nobody is told that there is nothing while the way leads to the last page.
    const beyond = list?.items.length === 0 && (list.total ?? 0) > 0;
    return beyond && (this.list.busy() || this.#pageInstead() !== null) ? undefined : list;
  });
  protected readonly news = signal<News>(NO_NEWS);
  protected readonly newsWords = computed(() => newsInWords(this.news()));

  protected readonly total = computed(() => this.rows()?.total);
  protected readonly empty = computed(() => this.rows()?.items.length === 0);
  protected readonly tooLong = computed(() => this.query().q.length > SEARCHED_AT_MOST);
  protected readonly searchedAtMost = SEARCHED_AT_MOST;
  protected readonly filtered = computed(() => this.query().q !== '' || this.query().state !== null);

  protected readonly chips = [
    { state: null, label: 'all', meaning: 'Tags in every state' },
    ...[...TAG_STATES]
      .reverse()
      .map((state) => ({ state, label: STATE_WORDS[state].label, meaning: STATE_WORDS[state].meaning })),
  ];
  /** With the one that the address says, should it be another. */
  protected readonly sizes = computed(() =>
    [...new Set<number>([...PAGE_SIZES, this.query().limit])].toSorted((one, other) => one - other),
  );
  protected readonly sorts = SORT_WORDS;
  protected readonly stateWords = STATE_WORDS;

  /** Enter was pressed on this text; what it finds is perhaps still on the way. */
  readonly #wish = signal<string | null>(null);
  #toTable = false;
  #reload: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    inject(PageHeading).set(
      null,
      'How often each container tag is rebuilt, when it last was, and which digest to pin.',
    );
    const destroyRef = inject(DestroyRef);
    const injector = inject(Injector);
    inject(LiveFeed).follow(
      {
        reference: null,
        changes: (messages) => this.#changed(messages),
        scan: (message) => this.#scanned(message),
        resumed: () => this.refresh(),
      },
      destroyRef,
    );
    destroyRef.onDestroy(() => clearTimeout(this.#reload));
    effect(() => {
      const page = this.#pageInstead();
      if (page !== null) untracked(() => this.#show({ ...this.query(), page }, true));
    });
    effect(() => this.#hits.sought.set(this.query().q.trim()));
    effect(() => {
      const wish = this.#wish();
      if (wish === null || this.query().q.trim() !== wish || this.#hits.sought() !== wish) return;
      if (this.#hits.busy() || this.list.busy()) return;
      untracked(() => {
        this.#wish.set(null);
        this.#openWished(wish);
      });
    });
    // A list that was just read holds all the news.
    effect(() => {
      this.list.value();
      untracked(() => this.news.set(NO_NEWS));
      if (this.#toTable) afterNextRender(() => this.table()?.focusFirst(), { injector });
      this.#toTable = false;
    });
  }

  protected refresh(): void {
    this.#resource.reload();
  }

  /** The button goes with the news that it shows; the focus goes on to the list. */
  protected showNews(): void {
    this.#toTable = true;
    this.refresh();
  }

  protected refreshSoon(): void {
    clearTimeout(this.#reload);
    this.#reload = setTimeout(() => this.refresh(), RECORD_DELAY);
  }

  protected seek(q: string): void {
    this.#wish.set(null);
    this.#show({ ...this.query(), q, page: 1 }, true);
  }

  protected sortBy(sort: TagSort): void {
    this.#show(sortedBy(this.query(), sort));
  }

  protected chooseSort(text: string): void {
    const sort = SORT_WORDS.find(([known]) => known === text)?.[0];
    if (sort !== undefined && sort !== this.query().sort) this.sortBy(sort);
  }

  protected resize(text: string): void {
    this.#show(queryOf({ ...textsIn(this.query()), limit: text, page: '1' }));
  }

  protected chipParams(state: TagsQuery['state']): Record<string, string | null> {
    return textsOf({ ...this.query(), state, page: 1 });
  }

  /** Enter in the search: opens the tag that is meant, where there is one, as soon as that is known. */
  protected open(text: string): void {
    this.#wish.set(text);
  }

  #openWished(text: string): void {
    const items = this.rows()?.items ?? [];
    const parsed = text === '' ? null : Reference.parse(text);
    const named = parsed === null || isInvalid(parsed) ? undefined : parsed.toString();
    const exact = [this.#hits.exact(), ...items].find((row) => row !== undefined && row.reference === named);
    const meant = exact ?? (items.length === 1 && text !== '' ? items[0] : undefined);
    if (meant !== undefined) void this.#router.navigate(detailsLink(meant.reference));
  }

  #show(query: TagsQuery, replaceUrl = false): void {
    void this.#router.navigate(['/'], { queryParams: textsOf(query), replaceUrl });
  }

  #changed(messages: ChangeMessage[]): void {
    const page = this.rows();
    const before = this.newsWords();
    this.news.update((news) => withNews(news, page, messages, this.query()));
    if (page !== undefined) this.rows.set(withChanges(page, messages));
    if (before === '' && this.newsWords() !== '') void this.#announcer.announce(this.newsWords());
  }

  /** A first scan that failed is no change, but the state of its row. */
  #scanned({ registry, repository }: ScanMessage): void {
    const waiting = this.rows()?.items.some(
      (row) => row.state === 'pending' && row.registry === registry && row.repository === repository,
    );
    if (waiting === true) this.refreshSoon();
  }
}

function textsIn(query: TagsQuery): Record<string, string> {
  return Object.fromEntries(
    Object.entries(textsOf(query)).filter((entry): entry is [string, string] => entry[1] !== null),
  );
}
