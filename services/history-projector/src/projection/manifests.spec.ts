import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '@dtm/read-model';
import { startPostgres, type RunningPostgres } from '@dtm/testing';
import { applyBatch } from './apply-batch.ts';
import { batchOf, ProjectionSpec } from '../testing/projection-spec.ts';
import { digest, Story } from '../testing/story.ts';

let postgres: RunningPostgres;
let spec: ProjectionSpec;
beforeAll(async () => {
  postgres = await startPostgres();
  spec = await ProjectionSpec.in(new Database({ url: await postgres.newDatabase(), name: 'spec' }));
});
afterAll(async () => {
  await spec.close();
  await postgres.stop();
});

const REPOSITORY = 'ghcr.io/team/app';
const APP = `${REPOSITORY}:1.0`;
const OTHER = 'ghcr.io/team/other:1.0';

/** What a tag shows as its last push, whatever came first. */
async function pushOf(story: Story, reference = APP): Promise<[at: unknown, source: unknown]> {
  const { tags = [] } = await spec.rowsOf(story);
  const tag = tags.find((row) => row['reference'] === reference);
  return [tag?.['last_pushed_at'], tag?.['last_pushed_source']];
}

describe('what a digest is', () => {
  it('is known by the digest, and shown with every tag that points to it', async () => {
    const rows = await spec.rowsOf(
      new Story()
        .observed('2026-03-01', APP, 'a')
        .observed('2026-03-01', OTHER, 'a')
        .described('2026-03-01', REPOSITORY, 'a', '2026-02-01'),
    );
    expect(rows['manifests']).toEqual([
      {
        digest: digest('a'),
        media_type: 'application/vnd.oci.image.index.v1+json',
        size: 1_000,
        platforms: [
          { os: 'linux', architecture: 'amd64', digest: digest('0'), size: 1_000 },
          { os: 'linux', architecture: 'arm', variant: 'v7' },
        ],
        created_at: '2026-02-01T00:00:00+00:00',
      },
    ]);
    const asOf = { now: new Date('2026-03-02'), inactiveBefore: new Date('2026-02-15') };
    for (const reference of [APP, OTHER]) {
      expect(await spec.readModel.findTag(reference, asOf)).toMatchObject({
        platforms: ['linux/amd64', 'linux/arm/v7'],
        lastPushedAt: new Date('2026-02-01'),
        lastPushedSource: 'image',
      });
    }
  });

  it('makes a tag inactive that nobody pushed to since, as far as is known', async () => {
    const story = new Story()
      .tracked('2026-03-01', APP)
      .observed('2026-03-01', APP, 'a')
      .scanned('2026-03-01', REPOSITORY)
      .described('2026-03-01', REPOSITORY, 'a', '2026-02-01');
    await spec.rowsOf(story);
    const state = async (inactiveBefore: string) =>
      (await spec.readModel.findTag(APP, { now: new Date('2026-03-02'), inactiveBefore: new Date(inactiveBefore) }))
        ?.state;
    expect([await state('2026-02-02'), await state('2026-02-01')]).toEqual(['inactive', 'active']);
    // A change is younger than any build date of the digest before.
    await spec.rowsOf(story.observed('2026-03-02', APP, 'b').described('2026-03-02', REPOSITORY, 'b', '2025-01-01'));
    expect(await state('2026-03-01')).toBe('active');
  });

  it('keeps every message byte for byte, also what nobody can read, and the first word on a digest', async () => {
    const story = new Story()
      .described('2026-03-01', REPOSITORY, 'a', '2026-02-01')
      .nonsense('MANIFESTS', 'manifest.sha256=3Ab', '{"not": "an event"}')
      .described('2026-03-02', 'ghcr.io/team/liar', 'a', '2020-01-01');
    const { message } = story.messages[0] ?? {};
    story.nonsense('MANIFESTS', 'manifest.sha256=3Ac', new TextDecoder().decode(message?.data));
    const rows = await spec.rowsOf(story);
    expect(rows['manifestEvents']).toEqual(
      story.messages.map(({ message: { sequence, subject, data } }) => ({
        sequence,
        subject,
        event: `\\x${Buffer.from(data).toString('hex')}`,
      })),
    );
    expect(rows['manifests']).toMatchObject([{ digest: digest('a'), created_at: '2026-02-01T00:00:00+00:00' }]);
    expect(rows['checkpoints']).toContainEqual(expect.objectContaining({ stream: 'MANIFESTS', sequence: 4 }));
  });
});

describe('when a tag was pushed', () => {
  const built = ['2026-02-01T00:00:00+00:00', 'image'];
  const nothing = [null, null];

  it('is what the registry says, rather than the image', async () => {
    const story = new Story()
      .observed('2026-03-01', APP, 'a', { pushedAt: '2026-01-01' })
      .described('2026-03-01', REPOSITORY, 'a', '2026-02-01');
    expect(await pushOf(story)).toEqual(['2026-01-01T00:00:00+00:00', 'registry']);
  });

  it('is when the image was built where the registry says nothing, of the present digest alone', async () => {
    const story = new Story().observed('2026-03-01', APP, 'a');
    expect(await pushOf(story)).toEqual(nothing);
    expect(await pushOf(story.described('2026-03-01', REPOSITORY, 'a', '2026-02-01'))).toEqual(built);
    expect(await pushOf(story.observed('2026-03-02', APP, 'b'))).toEqual(nothing);
    expect(await pushOf(story.described('2026-03-02', REPOSITORY, 'b'))).toEqual(nothing);
    expect(await pushOf(story.observed('2026-03-03', APP, 'c', { pushedAt: '2026-03-02' }))).toEqual([
      '2026-03-02T00:00:00+00:00',
      'registry',
    ]);
    // Back at what was described long ago.
    expect(await pushOf(story.observed('2026-03-04', APP, 'a'))).toEqual(built);
  });

  it('is not told of a tag that is gone, and is again when it returns', async () => {
    const story = new Story()
      .observed('2026-03-01', APP, 'a')
      .described('2026-03-01', REPOSITORY, 'a', '2026-02-01')
      .disappeared('2026-03-02', APP);
    expect(await pushOf(story)).toEqual(nothing);
    expect(await pushOf(story.observed('2026-03-03', APP, 'a'))).toEqual(built);
  });

  it('is told of a tag that only an import knows, by what it pointed to last', async () => {
    const story = new Story()
      .imported('2026-02-05', APP, 'a')
      .imported('2026-01-01', APP, 'b', { pushedAt: '2025-12-31' })
      .described('2026-03-01', REPOSITORY, 'a', '2026-02-01');
    expect(await pushOf(story)).toEqual(built);
    expect(await pushOf(story.imported('2026-03-02', APP, 'c', { pushedAt: '2026-03-01' }))).toEqual([
      '2026-03-01T00:00:00+00:00',
      'registry',
    ]);
  });
});

it('an unchanged scan costs no statement more', async () => {
  const story = new Story()
    .tracked('2026-03-01', APP)
    .observed('2026-03-01', APP, 'a')
    .described('2026-03-01', REPOSITORY, 'a', '2026-02-01')
    .scanned('2026-03-01', REPOSITORY);
  await spec.rowsOf(story);
  const told = story.messages.length;
  story.scanned('2026-03-02', REPOSITORY);
  const statements: string[] = [];
  const counted = new Proxy(spec.database, {
    get: (database, name) =>
      name === 'transaction'
        ? (work: Parameters<Database['transaction']>[0]) =>
            database.transaction((sql) =>
              work({
                query: (text, values) => {
                  statements.push(text);
                  return sql.query(text, values);
                },
              }),
            )
        : (Reflect.get(database, name) as unknown),
  });
  const at = { HISTORY: 1, MANIFESTS: 1, TRACKING: 1, SCAN_LOG: 1 };
  await applyBatch(counted, spec.tables, at, batchOf(story.messages.slice(told)));
  expect(statements).not.toEqual([]);
  expect(statements.filter((text) => /manifest|last_pushed_source =/.test(text))).toEqual([]);
});
