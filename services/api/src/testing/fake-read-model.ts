import type {
  AsOf,
  ChangeRow,
  CountChanges,
  ListChanges,
  ListTags,
  LiveChangeRow,
  NextChanges,
  ReadModel,
  ScanDayRow,
  StatusRow,
  TagDescription,
  TagRow,
} from '@dtm/read-model';

/** A tag as the read model would hold it. */
export function tagRow(reference: string, given: Partial<TagRow> = {}): TagRow {
  const [, registry = '', repository = '', tag = ''] = /^([^/]+)\/(.+):([^:]+)$/.exec(reference) ?? [];
  return {
    reference,
    registry,
    repository,
    tag,
    state: 'active',
    trackedSince: new Date('2026-11-01T00:00:00Z'),
    trackedBy: 'person',
    digest: `sha256:${'a'.repeat(64)}`,
    platforms: ['linux/amd64'],
    lastScannedAt: new Date('2026-11-22T10:00:00Z'),
    lastChangedAt: new Date('2026-11-20T10:00:00Z'),
    lastPushedAt: null,
    lastPushedSource: null,
    changeCount: 1,
    sparkline: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    failure: null,
    ...given,
  };
}

/** A change as the read model would hold it. */
export function changeRow(reference: string, sequence: number, given: Partial<LiveChangeRow> = {}): LiveChangeRow {
  return {
    reference,
    sequence,
    digest: `sha256:${String(sequence % 10).repeat(64)}`,
    previousDigest: null,
    notBefore: null,
    observedAt: new Date(Date.UTC(2026, 10, 20, 0, 0, sequence)),
    pushedAt: null,
    source: 'head',
    kind: 'baseline',
    ...given,
  };
}

const NEVER_CHANGED: TagDescription = {
  changes30d: 0,
  changes90d: 0,
  changes365d: 0,
  medianGapSeconds: null,
  longestGapSeconds: null,
  watchedSince: null,
  coveredSince: null,
  recentGaps: [],
};

/** Answers from lists in memory, and keeps what it was asked where a test wants to know. */
export class FakeReadModel implements ReadModel {
  tags: TagRow[] = [];
  changes: LiveChangeRow[] = [];
  description: TagDescription | null = null;
  buckets: { start: Date; changes: number }[] = [];
  days: ScanDayRow[] = [];
  summary: StatusRow = { tags: 0, tracked: 0, repositories: 0, changes: 0, registriesOnRecord: 0, registries: [] };
  projected: { stream: string; sequence: number; at: Date | null }[] = [];
  /** Thrown by every question. */
  fault: Error | null = null;
  asked: {
    listTags: ListTags[];
    listChanges: ListChanges[];
    countChanges: CountChanges[];
    findTag: (AsOf | undefined)[];
  } = {
    listTags: [],
    listChanges: [],
    countChanges: [],
    findTag: [],
  };

  async listTags(question: ListTags): Promise<{ rows: TagRow[]; total: number }> {
    this.asked.listTags.push(question);
    return this.#answer(() => ({
      rows: this.tags.slice(question.offset, question.offset + question.limit),
      total: this.tags.length,
    }));
  }

  async findTag(reference: string, asOf?: AsOf): Promise<TagRow | null> {
    this.asked.findTag.push(asOf);
    return this.#answer(() => this.tags.find((tag) => tag.reference === reference) ?? null);
  }

  async listChanges(question: ListChanges): Promise<{ rows: ChangeRow[]; total: number }> {
    this.asked.listChanges.push(question);
    return this.#answer(() => {
      const all = this.changes.filter(({ reference }) => reference === question.reference).reverse();
      return { rows: all.slice(question.offset, question.offset + question.limit), total: all.length };
    });
  }

  async detailTag(reference: string, asOf: AsOf): Promise<{ tag: TagRow; description: TagDescription } | null> {
    const tag = await this.findTag(reference, asOf);
    return tag === null ? null : { tag, description: this.description ?? NEVER_CHANGED };
  }

  async describeTag(): Promise<TagDescription | null> {
    return this.#answer(() => this.description);
  }

  async countChanges(question: CountChanges): Promise<{ start: Date; changes: number }[]> {
    this.asked.countChanges.push(question);
    return this.#answer(() => this.buckets);
  }

  async trackedTags(registry: string, repository: string): Promise<Set<string>> {
    return this.#answer(
      () =>
        new Set(
          this.#tracked().flatMap((one) =>
            one.registry === registry && one.repository === repository ? [one.tag] : [],
          ),
        ),
    );
  }

  async trackedAmong(references: string[]): Promise<Set<string>> {
    return this.#answer(
      () => new Set(this.#tracked().flatMap((one) => (references.includes(one.reference) ? [one.reference] : []))),
    );
  }

  async scanDays(): Promise<ScanDayRow[]> {
    return this.#answer(() => this.days);
  }

  async status(): Promise<StatusRow> {
    return this.#answer(() => this.summary);
  }

  async checkpoints(): Promise<{ stream: string; sequence: number; at: Date | null }[]> {
    return this.#answer(() => this.projected);
  }

  async nextChanges(sequence: number, limit: number, reference: string | null): Promise<NextChanges> {
    return this.#answer(() => {
      const rows = this.changes
        .filter((row) => row.sequence > sequence && (reference === null || row.reference === reference))
        .slice(0, limit);
      return { rows, upTo: (rows.length < limit ? this.changes : rows).at(-1)?.sequence ?? 0 };
    });
  }

  async lastChangeSequence(): Promise<number> {
    return this.#answer(() => this.changes.at(-1)?.sequence ?? 0);
  }

  async tagReferences(first: number, last: number): Promise<{ reference: string; lastChangedAt: Date | null }[]> {
    return this.#answer(() => this.tags.slice(first - 1, last));
  }

  async *exportChanges(): AsyncGenerator<LiveChangeRow[]> {
    if (this.fault !== null) throw this.fault;
    for (const row of this.changes) yield await Promise.resolve([row]);
  }

  #tracked(): TagRow[] {
    return this.tags.filter(({ state }) => state !== 'untracked' && state !== 'expired');
  }

  #answer<T>(answer: () => T): Promise<T> {
    return this.fault === null ? Promise.resolve(answer()) : Promise.reject(this.fault);
  }
}
