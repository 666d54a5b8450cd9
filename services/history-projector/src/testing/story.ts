import {
  encode,
  EVENT_TYPES,
  hashOf,
  SUBJECTS,
  tagEventId,
  type FailureCode,
  type ManifestDescribed,
  type RepositoryScanned,
} from '@dtm/events';
import type { StoredMessage } from '@dtm/jetstream';
import { Reference } from '@dtm/oci';
import { BEGINNING } from '../projection/checkpoints.ts';
import type { ProjectedStream } from '../projection/messages.ts';

/** A message and the stream that it lies in. */
export interface StoryMessage {
  stream: ProjectedStream;
  message: StoredMessage;
}

/** `sha256:` of 64 times one hex digit. */
export function digest(digit: string): string {
  return `sha256:${digit.repeat(64)}`;
}

const SOURCES = {
  history: '/docker-tag-monitor/registry-fetcher',
  imported: '/docker-tag-monitor/import/elsewhere',
};

interface Head {
  sequence: number;
  digest: string;
  gone: boolean;
  observedAt: string;
  bytes: Uint8Array;
}

interface Observed {
  pushedAt?: string;
  lastSeenAt?: string;
}

/** Tells what happened, in order; makes of it the messages that fetcher, scheduler and api would have stored. */
export class Story {
  readonly messages: StoryMessage[] = [];
  readonly #sequences: Record<ProjectedStream, number> = { ...BEGINNING };
  readonly #heads = new Map<string, Head>();
  #scans = 0;

  /** The registry named a digest for a tag. */
  observed(at: string, reference: string, digit: string, more: Observed = {}): this {
    return this.#observe('history', at, reference, digit, more);
  }

  /** An import says so. */
  imported(at: string, reference: string, digit: string, more: Observed = {}): this {
    return this.#observe('imported', at, reference, digit, more);
  }

  disappeared(at: string, reference: string, lastSeenAt?: string): this {
    return this.#disappear('history', at, reference, lastSeenAt);
  }

  /** An import says that it was gone. */
  importedGone(at: string, reference: string): this {
    return this.#disappear('imported', at, reference);
  }

  tracked(at: string, reference: string, by: 'person' | 'view' | 'popular' = 'person'): this {
    const tag = tagOf(reference);
    return this.#tracking(tag, at, { type: EVENT_TYPES.TagTracked, data: { ...partsOf(tag), trackedAt: iso(at), by } });
  }

  untracked(at: string, reference: string, by: 'person' | 'expiry' = 'person'): this {
    const tag = tagOf(reference);
    return this.#tracking(tag, at, {
      type: EVENT_TYPES.TagUntracked,
      data: { ...partsOf(tag), untrackedAt: iso(at), by },
    });
  }

  /** A scan succeeded; by default it knew all that was told before. */
  scanned(finishedAt: string, repository: string, more: Partial<RepositoryScanned> = {}): this {
    const { registry, repository: path } = tagOf(`${repository}:x`);
    const finished = new Date(iso(finishedAt));
    const data: RepositoryScanned = {
      registry,
      repository: path,
      scanId: `scan-${++this.#scans}`,
      reason: 'interval',
      startedAt: new Date(finished.getTime() - 2_000).toISOString(),
      finishedAt: finished.toISOString(),
      requests: 3,
      trackingSequence: this.#sequences.TRACKING,
      intervalSeconds: 7_200,
      adapter: 'oci',
      acceptVersion: 1,
      historySequence: this.#sequences.HISTORY,
      observations: 2,
      changes: 0,
      coverage: { mode: 'all-but', tags: [] },
      failures: [],
      missing: [],
      ...more,
    };
    const bytes = encode({
      type: EVENT_TYPES.RepositoryScanned,
      id: data.scanId,
      source: '/docker-tag-monitor/registry-fetcher',
      subject: `${registry}/${path}`,
      time: data.finishedAt,
      data,
    });
    this.#store('SCAN_LOG', SUBJECTS.scanDone(data), bytes, finished);
    return this;
  }

  /** One tag gave no answer, all others did. */
  scannedBut(
    finishedAt: string,
    repository: string,
    tag: string,
    reason: string,
    code: FailureCode = 'server-error',
  ): this {
    return this.scanned(finishedAt, repository, {
      coverage: { mode: 'all-but', tags: [tag] },
      failures: [{ tag, code, reason }],
    });
  }

  scanFailed(finishedAt: string, repository: string, error = 'no answer', code: FailureCode = 'unreachable'): this {
    const { registry, repository: path } = tagOf(`${repository}:x`);
    const finished = new Date(iso(finishedAt));
    const bytes = encode({
      type: EVENT_TYPES.RepositoryScanFailed,
      id: `scan-${++this.#scans}`,
      source: '/docker-tag-monitor/registry-fetcher',
      subject: `${registry}/${path}`,
      time: finished.toISOString(),
      data: {
        registry,
        repository: path,
        scanId: `scan-${this.#scans}`,
        reason: 'interval',
        startedAt: new Date(finished.getTime() - 1_000).toISOString(),
        finishedAt: finished.toISOString(),
        requests: 1,
        trackingSequence: this.#sequences.TRACKING,
        intervalSeconds: 7_200,
        code,
        error,
      },
    });
    this.#store('SCAN_LOG', SUBJECTS.scanFailed({ registry, repository: path }), bytes, finished);
    return this;
  }

  /** What a digest is was read in a repository; `builtAt` null: the image does not say. */
  described(at: string, repository: string, digit: string, builtAt: string | null = null): this {
    const { registry, repository: path } = tagOf(`${repository}:x`);
    const data: ManifestDescribed = {
      registry,
      repository: path,
      digest: digest(digit),
      mediaType: 'application/vnd.oci.image.index.v1+json',
      size: 1_000,
      platforms: [
        { os: 'linux', architecture: 'amd64', digest: digest('0'), size: 1_000 },
        { os: 'linux', architecture: 'arm', variant: 'v7' },
      ],
      createdAt: builtAt === null ? null : iso(builtAt),
      describedAt: iso(at),
      source: 'manifest',
    };
    const bytes = encode({
      type: EVENT_TYPES.ManifestDescribed,
      id: data.digest,
      source: '/docker-tag-monitor/registry-fetcher',
      subject: data.digest,
      time: data.describedAt,
      data,
    });
    this.#store('MANIFESTS', SUBJECTS.manifest(data.digest), bytes);
    return this;
  }

  /** Something that is no event of ours. */
  nonsense(stream: ProjectedStream, subject: string, text: string): this {
    this.#store(stream, subject, new TextEncoder().encode(text));
    return this;
  }

  #disappear(root: 'history' | 'imported', at: string, reference: string, lastSeenAt?: string): this {
    const tag = tagOf(reference);
    const subject = SUBJECTS[root](tag);
    const head = this.#heads.get(subject);
    if (head === undefined) throw new Error(`${reference} was never observed`);
    const bytes = encode({
      type: EVENT_TYPES.TagDisappeared,
      id: tagEventId(tag.toString(), head.sequence),
      source: SOURCES[root],
      subject: tag.toString(),
      time: iso(at),
      data: { ...partsOf(tag), observedAt: iso(at), previous: previousOf(head, lastSeenAt) },
    });
    const sequence = this.#store('HISTORY', subject, bytes);
    this.#heads.set(subject, { ...head, gone: true, sequence, observedAt: iso(at), bytes });
    return this;
  }

  #observe(root: 'history' | 'imported', at: string, reference: string, digit: string, more: Observed): this {
    const tag = tagOf(reference);
    const subject = SUBJECTS[root](tag);
    const head = this.#heads.get(subject);
    const bytes = encode({
      type: EVENT_TYPES.DigestObserved,
      id: tagEventId(tag.toString(), head?.sequence ?? 0),
      source: SOURCES[root],
      subject: tag.toString(),
      time: iso(at),
      data: {
        ...partsOf(tag),
        digest: digest(digit),
        mediaType: 'application/vnd.oci.image.index.v1+json',
        observedAt: iso(at),
        source: root === 'history' ? 'head' : 'elsewhere',
        previous: head === undefined ? null : previousOf(head, more.lastSeenAt),
        ...(head?.gone === true ? { reappeared: true as const } : {}),
        ...(more.pushedAt === undefined ? {} : { pushedAt: iso(more.pushedAt) }),
      },
    });
    const sequence = this.#store('HISTORY', subject, bytes);
    this.#heads.set(subject, { sequence, digest: digest(digit), gone: false, observedAt: iso(at), bytes });
    return this;
  }

  #tracking(
    tag: Reference,
    at: string,
    event:
      | {
          type: 'dockertagmonitor.TagTracked.v1';
          data: Parameters<typeof encode<'dockertagmonitor.TagTracked.v1'>>[0]['data'];
        }
      | {
          type: 'dockertagmonitor.TagUntracked.v1';
          data: Parameters<typeof encode<'dockertagmonitor.TagUntracked.v1'>>[0]['data'];
        },
  ): this {
    const envelope = {
      id: tagEventId(tag.toString(), this.#sequences.TRACKING),
      source: '/docker-tag-monitor/api',
      subject: tag.toString(),
      time: iso(at),
    };
    this.#store('TRACKING', SUBJECTS.tracking(tag), encode({ ...envelope, ...event }));
    return this;
  }

  /** What was told last was stored then, whatever it says of its own time. */
  storedAt(at: string): this {
    const last = this.messages.at(-1);
    if (last !== undefined) last.message.storedAt = new Date(iso(at));
    return this;
  }

  #store(stream: ProjectedStream, subject: string, data: Uint8Array, at = new Date(0)): number {
    const sequence = ++this.#sequences[stream];
    const before = this.messages.at(-1)?.message.storedAt ?? at;
    this.messages.push({ stream, message: { sequence, subject, data, storedAt: at > before ? at : before } });
    return sequence;
  }
}

/** `2026-03-01` or `2026-03-01 10:00` in UTC. */
export function iso(at: string): string {
  return new Date(`${at.includes(' ') ? at.replace(' ', 'T') : `${at}T00:00`}:00Z`).toISOString();
}

function tagOf(reference: string): Reference {
  const parsed = Reference.parse(reference);
  if (!(parsed instanceof Reference)) throw new Error(`${reference}: ${parsed.reason}`);
  return parsed;
}

function partsOf({ registry, repository, tag }: Reference) {
  return { registry, repository, tag };
}

function previousOf(head: Head, lastSeenAt?: string) {
  const seen = lastSeenAt === undefined ? head.observedAt : iso(lastSeenAt);
  return { digest: head.digest, lastSeenAt: seen, sequence: head.sequence, hash: hashOf(head.bytes) };
}
