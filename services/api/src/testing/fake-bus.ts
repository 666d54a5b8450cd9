import type { TrackedBy } from '@dtm/events';
import type {
  AvailableTagsAnswer,
  NextScanAnswer,
  ScanNowAnswer,
  TagExistsAnswer,
  ThrottleState,
  TrackOutcome,
  UntrackOutcome,
} from '@dtm/jetstream';
import type { Reference, RepositoryName } from '@dtm/oci';
import type { Bus } from '../bus/bus.ts';
import { BusAway } from '../bus/bus-away.ts';

/** What the api asks of NATS, answered from tables; a reference that is in none is a registry that nobody reaches. */
export class FakeBus implements Pick<Bus, keyof Bus> {
  registry = new Map<string, TagExistsAnswer>();
  repositories = new Map<string, AvailableTagsAnswer>();
  next: NextScanAnswer | null = null;
  /** `dueAt` of every repository; null: the scheduler is away. */
  dueAt: string | null = '2026-11-22T12:00:00.000Z';
  sequences: Record<string, number> | null = {};
  states: ThrottleState[] = [];
  /** The registries whose throttles were asked for last. */
  throttlesOf: readonly string[] = [];
  tracked = new Map<string, TrackedBy>();
  viewed: string[] = [];
  asked: string[] = [];
  onTrack: (reference: Reference) => void = () => undefined;

  onApplicationBootstrap(): void {
    // There is no connection.
  }

  async onApplicationShutdown(): Promise<void> {
    // There is no connection.
  }

  tagExists(reference: Reference): Promise<TagExistsAnswer> {
    this.asked.push(reference.toString());
    return answerOr(this.registry.get(reference.toString()), 'The registry cannot be asked at the moment');
  }

  availableTags(name: RepositoryName): Promise<AvailableTagsAnswer> {
    return answerOr(this.repositories.get(name.toString()), 'The registry cannot be asked at the moment');
  }

  nextScan(): Promise<NextScanAnswer> {
    return answerOr(this.next ?? undefined, 'The scheduler does not answer');
  }

  scanNow(name: RepositoryName): Promise<ScanNowAnswer> {
    this.asked.push(name.toString());
    return answerOr(this.dueAt === null ? undefined : { dueAt: this.dueAt }, 'The scheduler does not answer');
  }

  track(reference: Reference, by: TrackedBy): Promise<TrackOutcome> {
    if (this.tracked.has(reference.toString())) return Promise.resolve('already-tracked');
    this.tracked.set(reference.toString(), by);
    this.onTrack(reference);
    return Promise.resolve('tracked');
  }

  untrack(reference: Reference): Promise<UntrackOutcome> {
    return Promise.resolve(this.tracked.delete(reference.toString()) ? 'untracked' : 'not-tracked');
  }

  noteView(reference: Reference): Promise<void> {
    this.viewed.push(reference.toString());
    return Promise.resolve();
  }

  throttles(registries: readonly string[]): Promise<ThrottleState[]> {
    this.throttlesOf = registries;
    return answerOr(this.sequences === null ? undefined : this.states);
  }

  lastSequence(stream: string): Promise<number> {
    return answerOr(this.sequences === null ? undefined : (this.sequences[stream] ?? 0));
  }
}

function answerOr<T>(answer: T | undefined, silence?: string): Promise<T> {
  return answer === undefined ? Promise.reject(new BusAway(silence)) : Promise.resolve(answer);
}
