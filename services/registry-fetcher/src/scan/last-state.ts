import type { RepositoryScanState, ScanMemory, ScanStateStore, TagScanState } from '@dtm/jetstream';
import type { RepositoryName } from '@dtm/oci';

/** What a scan leaves for the next one. */
export interface LeftBehind {
  tags: ReadonlyMap<string, TagScanState>;
  /** Of the adapter; null: nothing to go by. */
  cursor: string | null;
  /** When this scan began, if it looked at every tag; null: the last one that did stays the last. */
  fullAt: Date | null;
}

/**
 * What the last scans of a repository left. At first as this process remembers it, if it does: where all is as it was, that
 * decides nothing, and the write at the end fails where another fetcher wrote since.
 */
export class LastState {
  readonly #store: Pick<ScanStateStore, 'remembered' | 'read' | 'write'>;
  readonly #name: RepositoryName;
  #state: RepositoryScanState = { tags: new Map(), revision: 0 };
  #isRemembered = false;

  constructor(store: Pick<ScanStateStore, 'remembered' | 'read' | 'write'>, name: RepositoryName) {
    this.#store = store;
    this.#name = name;
  }

  get state(): Readonly<RepositoryScanState> {
    return this.#state;
  }

  async load(): Promise<void> {
    const remembered = this.#store.remembered(this.#name);
    this.#isRemembered = remembered !== null;
    this.#state = remembered ?? (await this.#store.read(this.#name));
  }

  /** Reads what was only remembered, before anything is decided by it. True where there was something to read. */
  async makeSure(): Promise<boolean> {
    if (!this.#isRemembered) return false;
    this.#state = await this.#store.read(this.#name);
    this.#isRemembered = false;
    return true;
  }

  /**
   * Replaces it by what `next` makes of it. Where another fetcher wrote after it was read, that one's stays: bounds are
   * weaker then, not wrong.
   */
  async replace(next: (state: RepositoryScanState) => LeftBehind, writeId: string): Promise<void> {
    if (await this.#write(next(this.#state), writeId)) return;
    if (await this.makeSure()) await this.#write(next(this.#state), writeId);
  }

  #write({ tags, cursor, fullAt }: LeftBehind, writeId: string): Promise<boolean> {
    const lastFull = fullAt ?? this.#state.fullAt;
    const memory: ScanMemory = {
      ...(cursor === null ? {} : { cursor }),
      ...(lastFull === undefined ? {} : { fullAt: lastFull }),
    };
    return this.#store.write(this.#name, tags, this.#state.revision, writeId, memory);
  }
}
