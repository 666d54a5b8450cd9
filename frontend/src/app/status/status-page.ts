import { Component, computed, DestroyRef, inject } from '@angular/core';
import type { RegistryStatus } from '@dtm/api-contract';
import { latest } from '../api/latest.ts';
import { LiveFeed } from '../api/live-feed.ts';
import { StatusApi } from '../api/status-api.ts';
import { DurationChart } from '../charts/duration-chart.ts';
import { ScanDaysChart } from '../charts/scan-days-chart.ts';
import { Moment } from '../elements/moment.ts';
import { TroubleNotice } from '../elements/trouble-notice.ts';
import { PageHeading } from '../shell/page-heading.ts';
import { Clock } from '../wording/clock.ts';
import { MINUTE } from '../wording/time.ts';

const DAYS = 50;
/** Scans end all the time: the numbers are read again so often at most. */
const REREAD = 5_000;
/** Repositories are scanned every few minutes at best: an error stands for so long. */
const LATELY = 10 * MINUTE;

/** How the system itself is doing: what it holds, how far it is, how the registries answer. */
@Component({
  selector: 'dtm-status-page',
  imports: [DurationChart, Moment, ScanDaysChart, TroubleNotice],
  templateUrl: './status-page.html',
  styleUrl: './status-page.css',
})
export class StatusPage {
  readonly #api = inject(StatusApi);
  readonly #statusResource = this.#api.status();
  readonly #daysResource = this.#api.scanDays(DAYS);
  readonly #clock = inject(Clock);
  protected readonly status = latest(this.#statusResource);
  protected readonly days = latest(this.#daysResource);
  protected readonly skeleton = [0, 1, 2, 3, 4];

  protected readonly counts = computed(() => {
    const counts = this.status.value()?.counts;
    if (counts === undefined) return undefined;
    const label = (value: number, one: string, more: string) => ({ value, label: value === 1 ? one : more });
    return [
      label(counts.changes, 'change', 'changes'),
      label(counts.tracked, 'tag watched', 'tags watched'),
      label(counts.tags, 'tag on record', 'tags on record'),
      label(counts.repositories, 'repository', 'repositories'),
      label(counts.registries, 'registry', 'registries'),
    ];
  });
  protected readonly scansSeen = computed(
    () => this.days.value()?.items.some(({ succeeded, failed }) => succeeded + failed > 0) ?? false,
  );
  #reread: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    inject(PageHeading).set('Status', 'What this monitor holds, how far its record is, and how the registries answer.');
    const destroyRef = inject(DestroyRef);
    inject(LiveFeed).follow(
      {
        reference: null,
        changes: () => this.#rereadSoon(),
        scan: () => this.#rereadSoon(),
        resumed: () => this.refresh(),
      },
      destroyRef,
    );
    destroyRef.onDestroy(() => clearTimeout(this.#reread));
  }

  protected refresh(): void {
    this.#statusResource.reload();
    this.#daysResource.reload();
  }

  protected rounded(rate: number | null): string {
    return rate?.toLocaleString('en', { maximumFractionDigits: 1 }) ?? '–';
  }

  protected halted(until: string | null): boolean {
    return until !== null && Date.parse(until) > this.#clock.now();
  }

  /** Of a registry that failed just now nobody knows that it goes on as planned. */
  protected failedLately({ lastError }: Pick<RegistryStatus, 'lastError'>): boolean {
    return lastError !== null && this.#clock.now() - Date.parse(lastError.at) < LATELY;
  }

  #rereadSoon(): void {
    this.#reread ??= setTimeout(() => {
      this.#reread = undefined;
      this.refresh();
    }, REREAD);
  }
}
