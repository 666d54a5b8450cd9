import type { FailureCode } from '@dtm/events';
import type { RepositoryName, Reference } from '@dtm/oci';
import { NoRespondersError, RequestError, TimeoutError, type NatsConnection } from '@nats-io/transport-node';
import { isTracing, traced } from '@dtm/tracing';
import { withTrace } from './message-trace.ts';
import { headersOf } from './requests.ts';
import { unlessAborted } from './waiting.ts';

/** Subjects of the questions that one service asks another, each with a deadline. */
export const QUERIES = {
  tagExists: 'registry.query.tag-exists',
  availableTags: 'registry.query.available-tags',
  popularImages: 'registry.query.popular-images',
  nextScan: 'schedule.query.next-scan',
  scanNow: 'schedule.query.scan-now',
} as const;

/** How a registry refuses an answer. */
export interface QueryRefusal {
  outcome: 'not-found' | 'refused' | 'unreachable' | 'throttled';
  /** In words that a user can act on. */
  reason: string;
  /** RFC 3339; when to try again, where it is throttled. */
  retryAt?: string;
}

/** Whether a registry has a tag. */
export type TagExistsAnswer = { outcome: 'exists' } | QueryRefusal;

/** Which tags a repository has. */
export type AvailableTagsAnswer = { outcome: 'listed'; tags: string[] } | QueryRefusal;

/** Docker Hub's most pulled images, the most pulled first, with their newest tags that are worth tracking. */
export interface PopularImagesAnswer {
  images: { registry: string; repository: string; tags: string[] }[];
  /** What kept some or all of them away; null where nothing did. */
  failure: { code: FailureCode; reason: string } | null;
}

/** When a tag is due next; `at` null where nothing plans it. */
export interface NextScanAnswer {
  at: string | null;
  /** In words. */
  reason: string;
}

export interface ScanNowAnswer {
  /** RFC 3339 */
  dueAt: string;
}

export interface TagQuestion {
  registry: string;
  repository: string;
  tag: string;
}

export interface RepositoryQuestion {
  registry: string;
  repository: string;
}

export interface PopularImagesQuestion {
  /** Images at most. */
  count: number;
}

/** Nobody answered within the deadline: the service that knows is not up, or too busy. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  /** False where somebody heard the question, and may have worked on it. */
  readonly wasUnheard: boolean;

  constructor(message: string, options?: ErrorOptions & { wasUnheard?: boolean }) {
    super(message, options);
    this.wasUnheard = options?.wasUnheard ?? false;
  }
}

interface Deadline {
  timeoutMs: number;
}

/** Asks the registry, by way of a fetcher, whether a tag exists. Rejects with `NoAnswer`. */
export async function askTagExists(
  nc: NatsConnection,
  reference: Reference,
  deadline: Deadline,
): Promise<TagExistsAnswer> {
  const { registry, repository, tag } = reference;
  return ask<TagExistsAnswer>(nc, QUERIES.tagExists, { registry, repository, tag } satisfies TagQuestion, deadline);
}

/** Asks the registry, by way of a fetcher, for a repository's tags. Rejects with `NoAnswer`. */
export async function askAvailableTags(
  nc: NatsConnection,
  name: RepositoryName,
  deadline: Deadline,
): Promise<AvailableTagsAnswer> {
  const question: RepositoryQuestion = { registry: name.registry, repository: name.repository };
  return ask<AvailableTagsAnswer>(nc, QUERIES.availableTags, question, deadline);
}

/** Asks Docker Hub, by way of a fetcher, for popular images. Null as soon as the signal says stop. Rejects with `NoAnswer`. */
export async function askPopularImages(
  nc: NatsConnection,
  count: number,
  { signal, ...deadline }: Deadline & { signal: AbortSignal },
): Promise<PopularImagesAnswer | null> {
  const question: PopularImagesQuestion = { count };
  const asking = ask<PopularImagesAnswer>(nc, QUERIES.popularImages, question, deadline);
  return unlessAborted(asking, signal, () => undefined);
}

/** Asks the scheduler when a tag is due next, and why then. Rejects with `NoAnswer`. */
export async function askNextScan(
  nc: NatsConnection,
  reference: Reference,
  deadline: Deadline,
): Promise<NextScanAnswer> {
  const { registry, repository, tag } = reference;
  return ask<NextScanAnswer>(nc, QUERIES.nextScan, { registry, repository, tag } satisfies TagQuestion, deadline);
}

/** Tells the scheduler that a repository is due now. Rejects with `NoAnswer`. */
export async function askScanNow(nc: NatsConnection, name: RepositoryName, deadline: Deadline): Promise<ScanNowAnswer> {
  const question: RepositoryQuestion = { registry: name.registry, repository: name.repository };
  return ask<ScanNowAnswer>(nc, QUERIES.scanNow, question, deadline);
}

function ask<T>(nc: NatsConnection, subject: string, question: unknown, deadline: Deadline): Promise<T> {
  return traced(`ask ${subject}`, { kind: 'client', attributes: { 'messaging.system': 'nats' } }, () =>
    request(nc, subject, question, deadline),
  );
}

async function request<T>(nc: NatsConnection, subject: string, question: unknown, deadline: Deadline): Promise<T> {
  let reply;
  try {
    const timeout = deadline.timeoutMs;
    const options = isTracing() ? { timeout, headers: headersOf(withTrace({})) } : { timeout };
    reply = await nc.request(subject, JSON.stringify(question), options);
  } catch (error) {
    const silent = error instanceof TimeoutError || error instanceof NoRespondersError || error instanceof RequestError;
    if (silent) {
      const wasUnheard =
        error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders());
      const message = `nobody answered ${subject} within ${deadline.timeoutMs} ms`;
      throw new NoAnswer(message, { cause: error, wasUnheard });
    }
    throw error;
  }
  const message = reply.json<{ answer: T } | { error: string }>();
  if ('error' in message) throw new Error(`${subject}: ${message.error}`);
  return message.answer;
}
