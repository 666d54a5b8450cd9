import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectNats, ensureStreams, type NatsConnection } from '@dtm/jetstream';
import { listen } from '@dtm/read-model';
import { startNats, startPostgres, type RunningNats, type RunningPostgres } from '@dtm/testing';
import { streamsOf } from './reading/event-source.ts';
import { eventually, RunningProjector } from './testing/running-projector.ts';
import { Story } from './testing/story.ts';

const APP = 'ghcr.io/team/app';

let nats: RunningNats;
let postgres: RunningPostgres;
let nc: NatsConnection;
beforeAll(async () => {
  [nats, postgres] = await Promise.all([startNats(), startPostgres()]);
  nc = await connectNats({ url: nats.url, name: 'spec' });
  await ensureStreams(nc);
});
afterAll(async () => {
  await nc.close();
  await nats.stop();
  await postgres.stop();
});

/** Appends what happened, in order; the streams number it as the story does. */
async function publish(story: Story, from = 0): Promise<void> {
  for (const { message } of story.messages.slice(from)) {
    await nc.request(message.subject, message.data, { timeout: 10_000 });
  }
}

describe('a projector of real streams', () => {
  it('projects them, wakes listeners once the rows are there, and goes on after NATS was away', async () => {
    const url = await postgres.newDatabase();
    const heard: string[] = [];
    const end = new AbortController();
    const listening = Promise.withResolvers<undefined>();
    const listener = listen({
      url,
      name: 'listener',
      signal: end.signal,
      onListening: () => listening.resolve(undefined),
      onNotify: (channel, payload) => heard.push(`${channel} ${payload}`),
    });
    await listening.promise;
    const projector = new RunningProjector(url, streamsOf(nc));
    const story = new Story()
      .tracked('2026-03-01', `${APP}:1`)
      .observed('2026-03-01', `${APP}:1`, 'a')
      .observed('2026-03-02', `${APP}:1`, 'b')
      .scannedBut('2026-03-02', APP, '2', 'HTTP 500');
    await publish(story);
    await projector.reached('SCAN_LOG', 1);
    await projector.reached('HISTORY', 2);
    expect(await projector.readModel.findTag(`${APP}:1`)).toMatchObject({ changeCount: 1, state: 'active' });
    await eventually(
      () => heard.some((text) => text === 'history 2') && heard.some((text) => text.startsWith('scan ')),
    );
    const scan: unknown = JSON.parse(heard.find((text) => text.startsWith('scan '))?.slice(5) ?? '');
    expect(scan).toEqual({
      registry: 'ghcr.io',
      repository: 'team/app',
      finishedAt: '2026-03-02T00:00:00.000Z',
      succeeded: true,
      changes: 0,
      error: null,
      failures: [{ tag: '2', reason: 'HTTP 500' }],
    });
    const published = story.messages.length;
    await nats.kill();
    await nats.restart();
    await eventually(() =>
      nc.flush().then(
        () => true,
        () => false,
      ),
    );
    await publish(story.observed('2026-03-03', `${APP}:1`, 'c').observed('2026-03-04', `${APP}:1`, 'a'), published);
    await projector.reached('HISTORY', 4);
    expect(await projector.readModel.findTag(`${APP}:1`)).toMatchObject({ changeCount: 3 });
    end.abort();
    await listener;
    await projector.stop();
  });

  it('is exact with two projectors, one of them replaced again and again', async () => {
    const url = await postgres.newDatabase();
    const story = new Story();
    const before = (await streamsOf(nc).state('HISTORY')).lastSequence;
    for (let i = 0; i < 300; i++)
      story.observed('2026-05-01', `ghcr.io/many/app-${i % 5}:${i % 120}`, 'abcdef'.charAt(i % 6));
    const rival = new RunningProjector(url, streamsOf(nc), { size: 7 });
    const publishing = publish(story);
    for (let part = 1; part <= 3; part++) {
      const projector = new RunningProjector(url, streamsOf(nc), { size: 11 });
      await rival.reached('HISTORY', before + part * 50);
      await projector.stop();
    }
    await publishing;
    await rival.reached('HISTORY', before + 300);
    const [counts] = await rival.database.query<object>(
      `select (select count(*) from read_1.digest_change) as rows, (select sum(entry_count) from read_1.tag) as entries,
        (select sum(tags) from read_1.repository where registry = 'ghcr.io' and repository like 'many/%') as tags`,
    );
    expect(counts).toEqual({ rows: before + 300, entries: before + 300, tags: 120 });
    await rival.stop();
  });
});
