import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { connectNats, ensureStreams, readStream, streamState, type NatsConnection } from '@dtm/jetstream';
import { Database, readPointer } from '@dtm/read-model';
import { startNats, startPostgres, type RunningNats, type RunningPostgres } from '@dtm/testing';
import { tablesOf } from '../projection/tables.ts';
import { streamsOf } from '../reading/event-source.ts';
import { eventfulStory } from '../testing/eventful-story.ts';
import { readRows } from '../testing/projection-spec.ts';
import { RunningProjector } from '../testing/running-projector.ts';
import type { StoryMessage } from '../testing/story.ts';
import { rebuild } from './rebuild.ts';
import { restoreHistory, type RestoreReport } from './restore-history.ts';
import { StreamCopy } from './stream-copy.ts';
import { HistoryVerification, verdict } from './verify-history.ts';

const silent = (): void => undefined;

let nats: RunningNats;
let postgres: RunningPostgres;
let nc: NatsConnection;
let url: string;
let messages: StoryMessage[];
let running: RunningProjector[];
beforeAll(async () => {
  [nats, postgres] = await Promise.all([startNats(), startPostgres()]);
  nc = await connectNats({ url: nats.url, name: 'spec' });
}, 60_000);
beforeEach(async () => {
  await lose('HISTORY', 'MANIFESTS', 'TRACKING', 'SCAN_LOG');
  url = await postgres.newDatabase();
  messages = eventfulStory().messages;
  running = [];
});
afterEach(async () => {
  for (const projector of running) await projector.stop();
});
afterAll(async () => {
  await nc.close();
  await nats.stop();
  await postgres.stop();
});

async function publish(some: readonly StoryMessage[]): Promise<void> {
  for (const { message } of some) await nc.request(message.subject, message.data, { timeout: 10_000 });
}

function start(): RunningProjector {
  const projector = new RunningProjector(url, streamsOf(nc));
  running.push(projector);
  return projector;
}

/** Projects all that was published, then stops. */
async function project(): Promise<void> {
  const projector = start();
  for (const stream of ['HISTORY', 'MANIFESTS', 'TRACKING', 'SCAN_LOG']) {
    await projector.reached(stream, (await streamState(nc, stream)).lastSequence);
  }
  await projector.stop();
  running.pop();
}

/** What an administrator may do, and a disk that is lost. */
async function lose(...streams: string[]): Promise<void> {
  for (const stream of streams) await nc.request(`$JS.API.STREAM.DELETE.${stream}`);
  await ensureStreams(nc);
}

/** With a database of its own, as the projector of the same process has. */
async function withDatabase<T>(work: (database: Database) => Promise<T>): Promise<T> {
  const database = new Database({ url, name: 'recovery' });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

function restore(): Promise<RestoreReport> {
  return withDatabase((database) => restoreHistory(database, nc, silent, 1, 1_500));
}

async function stored(stream: string): Promise<object[]> {
  const { lastSequence } = await streamState(nc, stream);
  const found: object[] = [];
  const end = new AbortController();
  for await (const { sequence, subject, data } of readStream(nc, { stream, after: 0, signal: end.signal })) {
    found.push({ sequence, subject, data: Buffer.from(data).toString('hex') });
    if (sequence === lastSequence) break;
  }
  return found;
}

describe('restoring lost streams', () => {
  it('brings HISTORY, MANIFESTS and TRACKING back byte for byte under their sequences, and everything goes on', async () => {
    await publish(messages);
    await project();
    const before = {
      history: await stored('HISTORY'),
      manifests: await stored('MANIFESTS'),
      tracking: await stored('TRACKING'),
    };
    await lose('HISTORY', 'MANIFESTS', 'TRACKING', 'SCAN_LOG');
    await expect(start().done).rejects.toThrow('is not the one that the read models were made from');
    running.pop();
    expect(await restore()).toEqual({
      history: { refilled: before.history.length, events: before.history.length },
      tracking: { refilled: before.tracking.length, events: before.tracking.length },
      manifests: { refilled: before.manifests.length, events: before.manifests.length },
      scanLog: 'begun anew',
    });
    expect({
      history: await stored('HISTORY'),
      manifests: await stored('MANIFESTS'),
      tracking: await stored('TRACKING'),
    }).toEqual(before);
    const projector = start();
    const more = eventfulStory().observed('2026-11-01', 'ghcr.io/team/app:1', 'f').messages.slice(-1);
    await publish(more);
    await projector.reached('HISTORY', before.history.length + 1);
    expect(await projector.readModel.findTag('ghcr.io/team/app:1')).toMatchObject({
      digest: `sha256:${'f'.repeat(64)}`,
    });
    const report = await new HistoryVerification(
      streamsOf(nc),
      new StreamCopy(projector.database, 'read_1', 'HISTORY'),
    ).run(silent);
    expect(verdict(report, true)).toContain('event 6 (history.x.y.z) was altered: it cannot be read');
    expect(report.faults).toBe(1);
  }, 90_000);

  it('goes on where an earlier run was interrupted, and does nothing where nothing is lost', async () => {
    await publish(messages);
    await project();
    const before = await stored('HISTORY');
    await lose('HISTORY');
    await publish(messages.filter(({ stream }) => stream === 'HISTORY').slice(0, 4));
    await withDatabase(async (database) => {
      const words = /HISTORY .* ends at 4, and 10 is projected.*npm run restore-history/;
      await expect(rebuild(database, streamsOf(nc), silent)).rejects.toThrow(words);
    });
    expect(await restore()).toMatchObject({ history: { refilled: before.length - 4, events: before.length } });
    expect(await stored('HISTORY')).toEqual(before);
    expect(await restore()).toMatchObject({
      history: { refilled: 0 },
      tracking: { refilled: 0 },
      scanLog: 'the same',
    });
    await project();
  }, 90_000);

  it('refuses a stream that holds something else, and leaves it as it is', async () => {
    await publish(messages);
    await project();
    await lose('HISTORY');
    await publish(messages.filter(({ stream }) => stream === 'HISTORY').slice(2, 4));
    const before = await stored('HISTORY');
    await expect(restore()).rejects.toThrow(
      /HISTORY is not the stream .*: its event 1 .*Nothing was changed.*nats stream rm HISTORY/,
    );
    expect(await stored('HISTORY')).toEqual(before);
    await withDatabase(async (database) => {
      await expect(rebuild(database, streamsOf(nc), silent)).rejects.toThrow('may be the last copy');
      expect(await readPointer(database)).toMatchObject({ schema: 'read_1' });
    });
  }, 90_000);

  it('refuses a copy with a gap, a database without read models, and a projector that is at work', async () => {
    await expect(restore()).rejects.toThrow('There are no read models in this database');
    await publish(messages);
    const projector = start();
    await projector.reached('HISTORY', 10);
    await expect(restore()).rejects.toThrow('A projector is at work on these read models: stop the services');
    await projector.stop();
    running.pop();
    await withDatabase((database) => database.query('delete from read_1.digest_change where sequence = 3'));
    await lose('HISTORY');
    await expect(restore()).rejects.toThrow('lacks the event 3 of 10, so nothing was restored');
    expect(await streamState(nc, 'HISTORY')).toMatchObject({ lastSequence: 0 });
  }, 90_000);
});

describe('a rebuild from real streams', () => {
  it('makes the same rows when the oldest scans have expired and an event was set aside', async () => {
    // The copy of an event that PostgreSQL refuses is all that there is of it, before and after.
    const refused = eventfulStory().observed('0000-03-01', 'ghcr.io/team/app:1', 'f').messages.slice(-1);
    await publish([...messages, ...refused]);
    await project();
    await withDatabase(async (database) => {
      const before = await readRows(database, tablesOf(database, 'read_1'));
      expect(before['changes']?.at(-1)).toMatchObject({ kind: null, sequence: 11 });
      // What age does in the course of 60 days.
      await nc.request('$JS.API.STREAM.PURGE.SCAN_LOG', JSON.stringify({ seq: 5 }));
      expect(await streamState(nc, 'SCAN_LOG')).toMatchObject({ firstSequence: 5 });
      expect(await rebuild(database, streamsOf(nc), silent)).toMatchObject({ to: 'read_2', carriedScans: true });
      expect(await readRows(database, tablesOf(database, 'read_2'))).toEqual(before);
    });
  }, 90_000);
});

describe('the verification of a real stream', () => {
  it('names the event that was altered', async () => {
    const events = messages.filter(({ stream }) => stream === 'HISTORY');
    const [first] = events;
    if (first === undefined) throw new Error('the story is empty');
    // A server that was tampered with holds other bytes; its successor's hash tells.
    const text = new TextDecoder().decode(first.message.data).replaceAll('a'.repeat(64), '9'.repeat(64));
    const forged = { ...first, message: { ...first.message, data: new TextEncoder().encode(text) } };
    await publish([forged, ...events.slice(1)]);
    const report = await new HistoryVerification(streamsOf(nc), null).run(silent);
    expect(verdict(report, false)).toContain('event 1 (history.ghcr=2Eio.team/app.1) was altered: event 7 carries');
  });

  it('names what an administrator deleted in spite of all, also the last event', async () => {
    await nc.request('$JS.API.STREAM.DELETE.HISTORY');
    // As a stream without the protection that ours has.
    await nc.request(
      '$JS.API.STREAM.CREATE.HISTORY',
      JSON.stringify({ name: 'HISTORY', subjects: ['history.>', 'imported.>'] }),
    );
    const events = messages.filter(({ stream, message }) => stream === 'HISTORY' && !message.subject.endsWith('x.y.z'));
    await publish(events.slice(0, 3));
    const verify = async (): Promise<string> =>
      verdict(await new HistoryVerification(streamsOf(nc), null).run(silent), false);
    expect(await verify()).toContain('is as it was written: 3 events');
    await nc.request('$JS.API.STREAM.MSG.DELETE.HISTORY', JSON.stringify({ seq: 3 }));
    expect(await verify()).toContain('not as it was written: event 3 is missing');
    await nc.request('$JS.API.STREAM.MSG.DELETE.HISTORY', JSON.stringify({ seq: 2 }));
    expect(await verify()).toContain('events 2 to 3 are missing');
  });
});
