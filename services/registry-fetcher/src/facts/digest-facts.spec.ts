import { PLATFORMS_MAX, type DigestObserved, type ManifestDescribed } from '@dtm/events';
import { describe, expect, it } from '@jest/globals';
import { RetryLater, type FactsJob, type HistoryHead } from '@dtm/jetstream';
import { RegistryFailure, type FailureCode, type SourcedFacts } from '@dtm/registry-client';
import { DigestFacts, type FactsParts, type FactsReport } from './digest-facts.ts';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const MINUTE_MS = 60_000;
const DUE_AT = new Date(NOW.getTime() + 1_500);

const OBSERVED: DigestObserved = {
  registry: 'quay.io',
  repository: 'team/app',
  tag: '1.0',
  digest: `sha256:${'a'.repeat(64)}`,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  observedAt: NOW.toISOString(),
  source: 'head',
  previous: null,
};
const FACTS: SourcedFacts = {
  source: 'manifest',
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  size: 3,
  platforms: [{ os: 'linux', architecture: 'amd64', size: 3 }],
  createdAt: new Date('2026-11-01T00:00:00.000Z'),
  requests: 3,
};

interface Scene {
  facts?: SourcedFacts | RegistryFailure | Error;
  head?: Partial<HistoryHead> | null;
  known?: boolean;
  delivery?: number;
  observed?: Partial<DigestObserved>;
  aborted?: boolean;
}

interface Outcome {
  report: FactsReport | null;
  /** Minutes until it is delivered again; null where it is not. */
  again: number | null;
  recorded: ManifestDescribed[];
  spent: number[];
  /** When the registry's next digest may be looked at; null: at once. */
  rests: Date | null;
}

async function play(scene: Scene): Promise<Outcome> {
  const outcome: Outcome = { report: null, again: null, recorded: [], spent: [], rests: null };
  const { facts = FACTS, head = {} } = scene;
  const parts: FactsParts = {
    historyTail: { head: () => (head === null ? null : ({ sequence: 7, ...head } as HistoryHead)) },
    manifestTail: { isDescribed: () => scene.known === true, waitFor: () => Promise.resolve() },
    manifests: {
      record: (data) => {
        outcome.recorded.push(data);
        return Promise.resolve({ outcome: 'described', sequence: 1 });
      },
    },
    registries: { facts: () => (facts instanceof Error ? Promise.reject(facts) : Promise.resolve(facts)) },
    pace: {
      spend: (_registry, requests) => {
        outcome.spent.push(requests);
        return Promise.resolve(DUE_AT);
      },
    },
    now: () => NOW,
  };
  const job: FactsJob = {
    observed: { ...OBSERVED, ...scene.observed },
    sequence: 7,
    delivery: scene.delivery ?? 1,
    signal: scene.aborted === true ? AbortSignal.abort() : new AbortController().signal,
    rest: (until) => (outcome.rests = until),
  };
  try {
    outcome.report = await new DigestFacts(parts).describe(job);
  } catch (error) {
    if (!(error instanceof RetryLater)) throw error;
    outcome.again = error.delayMs / MINUTE_MS;
  }
  return outcome;
}

function failure(code: FailureCode, retryAt?: Date): RegistryFailure {
  return new RegistryFailure({ code, operation: 'GET', reference: 'x', reason: 'it failed', retryAt, requests: 2 });
}

describe('DigestFacts', () => {
  it('records what a digest is, and where it was read', async () => {
    const { report, recorded, spent, rests } = await play({});
    expect(report).toEqual({ outcome: 'described', requests: 3 });
    expect(recorded).toEqual([
      {
        registry: 'quay.io',
        repository: 'team/app',
        digest: OBSERVED.digest,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        size: 3,
        platforms: [{ os: 'linux', architecture: 'amd64', size: 3 }],
        createdAt: '2026-11-01T00:00:00.000Z',
        describedAt: NOW.toISOString(),
        source: 'manifest',
      },
    ]);
    expect([spent, rests]).toEqual([[3], DUE_AT]);
  });

  it('takes what the registry answered the scan for the media type, where facts name none', async () => {
    const { recorded } = await play({ facts: { ...FACTS, source: 'docker-hub', mediaType: '', createdAt: null } });
    expect(recorded).toMatchObject([{ mediaType: OBSERVED.mediaType, source: 'docker-hub', createdAt: null }]);
  });

  it('names as many platforms as an event can hold', async () => {
    const platforms = Array.from({ length: PLATFORMS_MAX + 5 }, () => ({ os: 'linux', architecture: 'amd64' }));
    const { recorded } = await play({ facts: { ...FACTS, platforms } });
    expect(recorded[0]?.platforms).toHaveLength(PLATFORMS_MAX);
  });

  const yesterday = { observedAt: '2026-11-21T11:59:59.000Z' };
  it.each<[string, Scene, FactsReport['outcome']]>([
    ['is described already', { known: true }, 'known'],
    ['was followed by another for more than a day', { head: { sequence: 8 }, observed: yesterday }, 'past'],
  ])('asks nothing where the digest %s', async (_what, scene, expected) => {
    const { report, spent, recorded } = await play(scene);
    expect(report).toEqual({ outcome: expected, requests: 0 });
    expect([spent, recorded]).toEqual([[], []]);
  });

  it.each<[string, Scene]>([
    ['was followed by another less than a day ago', { head: { sequence: 8 } }],
    ['is what the tag still points to, however old', { observed: yesterday }],
    ['is newer than what the tail has heard', { head: { sequence: 6 }, observed: yesterday }],
    ['is of a tag of which the tail has heard nothing', { head: null, observed: yesterday }],
  ])('reads it where it %s', async (_what, scene) => {
    expect((await play(scene)).report?.outcome).toBe('described');
  });

  const inAnHour = new Date(NOW.getTime() + 60 * MINUTE_MS);
  it.each<[string, Scene, { again: number | null; rests: Date }]>([
    [
      'a halted registry: its digests wait for it',
      { facts: failure('throttled', inAnHour) },
      { again: 60, rests: inAnHour },
    ],
    ['however often', { facts: failure('throttled', inAnHour), delivery: 99 }, { again: 60, rests: inAnHour }],
    ['one that names a time', { facts: failure('server-error', inAnHour) }, { again: 60, rests: inAnHour }],
    ['one that names none', { facts: failure('throttled') }, { again: 1, rests: new Date(NOW.getTime() + MINUTE_MS) }],
    ['unreachable', { facts: failure('unreachable') }, { again: 1, rests: DUE_AT }],
    ['unreachable for the third time', { facts: failure('timeout'), delivery: 3 }, { again: 4, rests: DUE_AT }],
    ['for the eleventh time', { facts: failure('server-error'), delivery: 11 }, { again: 360, rests: DUE_AT }],
    [
      'for the twelfth time: given up',
      { facts: failure('unauthorized'), delivery: 12 },
      { again: null, rests: DUE_AT },
    ],
    ['not there: an API may lag', { facts: failure('not-found') }, { again: 10, rests: DUE_AT }],
    ['still not there: given up', { facts: failure('not-found'), delivery: 2 }, { again: null, rests: DUE_AT }],
    ['nonsense: given up', { facts: failure('bad-answer') }, { again: null, rests: DUE_AT }],
    ['an address that may not be asked: given up', { facts: failure('refused') }, { again: null, rests: DUE_AT }],
  ])('%s', async (_what, scene, expected) => {
    const { report, again, recorded, rests, spent } = await play(scene);
    expect({ again, rests }).toEqual(expected);
    expect(report?.outcome ?? null).toBe(expected.again === null ? 'given-up' : null);
    expect([recorded, spent]).toEqual([[], [2]]);
  });

  it('is handed on where the fetcher drains, and throws what is a fault of this program', async () => {
    expect((await play({ facts: new Error('aborted'), aborted: true })).again).toBe(0);
    await expect(play({ facts: new Error('a bug') })).rejects.toThrow('a bug');
  });
});
