import { encode, EVENT_TYPES, SUBJECTS, tagEventId } from '@dtm/events';
import { Appender, HistoryLog, STREAMS } from '@dtm/jetstream';
import { digestOf, MEDIA_TYPE, tagsOf } from './manifests.mjs';

/** Appends under way at once. */
const IN_FLIGHT = 256;

/**
 * @template T
 * @param {Iterable<T>} items
 * @param {number} width how many at once
 * @param {(item: T) => Promise<void>} work
 */
export async function inParallel(items, width, work) {
  const iterator = items[Symbol.iterator]();
  const lane = async () => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

/**
 * Has tags tracked, as the api does for a person: straight into TRACKING.
 * @param {import('@dtm/jetstream').NatsConnection} nc
 * @param {Iterable<{ registry: string, repository: string, tag: string }>} references
 */
export async function track(nc, references) {
  const log = new Appender(nc, STREAMS.tracking);
  const at = new Date().toISOString();
  await inParallel(references, IN_FLIGHT, async (reference) => {
    const { registry, repository, tag } = reference;
    const subject = `${registry}/${repository}:${tag}`;
    const bytes = encode({
      id: tagEventId(subject, 0),
      source: '/docker-tag-monitor/api',
      type: EVENT_TYPES.TagTracked,
      subject,
      time: at,
      data: { registry, repository, tag, trackedAt: at, by: 'person' },
    });
    expectAppended(await log.append(SUBJECTS.tracking(reference), bytes, 0), subject);
  });
}

/**
 * Records the first digest of each tag, as a fetcher does after its first scan.
 * @param {import('@dtm/jetstream').NatsConnection} nc
 * @param {Iterable<{ registry: string, repository: string, tag: string }>} references
 */
export async function recordBaselines(nc, references) {
  const log = new HistoryLog(nc);
  const observedAt = new Date().toISOString();
  await inParallel(references, IN_FLIGHT, async ({ registry, repository, tag }) => {
    const digest = digestOf(repository, tag, 0);
    const result = await log.recordObserved({
      registry,
      repository,
      tag,
      digest,
      mediaType: MEDIA_TYPE,
      observedAt,
      source: 'head',
      previous: null,
    });
    expectAppended(result, `${registry}/${repository}:${tag}`);
  });
}

/** The tags of a set at a registry. @param {string} registry @param {import('./manifests.mjs').TagSet} set */
export function* referencesOf(registry, set) {
  for (const { repository, tag } of tagsOf(set)) yield { registry, repository, tag };
}

/** @param {import('@dtm/jetstream').AppendResult} result @param {string} subject */
function expectAppended(result, subject) {
  if (result.outcome !== 'appended') throw new Error(`${subject} has events already`);
}
