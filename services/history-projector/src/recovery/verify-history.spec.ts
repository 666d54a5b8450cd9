import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '@dtm/read-model';
import { startPostgres, type RunningPostgres } from '@dtm/testing';
import { applyBatch } from '../projection/apply-batch.ts';
import { BEGINNING } from '../projection/checkpoints.ts';
import { ListedStreams } from '../testing/listed-streams.ts';
import { batchOf, ProjectionSpec } from '../testing/projection-spec.ts';
import { Story, type StoryMessage } from '../testing/story.ts';
import { StreamCopy } from './stream-copy.ts';
import { HistoryVerification, verdict } from './verify-history.ts';

const APP = 'ghcr.io/team/app';
const silent = (): void => undefined;

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

/** Events 1, 3, 4, 6 of one tag, 2 and 5 of another, 7 of an import. */
function record(): StoryMessage[] {
  return new Story()
    .observed('2026-03-01', `${APP}:1`, 'a')
    .observed('2026-03-01', `${APP}:2`, 'a')
    .observed('2026-03-02', `${APP}:1`, 'b')
    .disappeared('2026-03-03', `${APP}:1`)
    .observed('2026-03-03', `${APP}:2`, 'b')
    .observed('2026-03-04', `${APP}:1`, 'b')
    .imported('2025-01-01', `${APP}:1`, 'f').messages;
}

/** The same event, told a little differently. */
function forged({ message }: StoryMessage, from: string, to: string): Uint8Array {
  const text = new TextDecoder().decode(message.data);
  expect(text).toContain(from);
  return new TextEncoder().encode(text.replaceAll(from, to));
}

function at(messages: readonly StoryMessage[], sequence: number): StoryMessage {
  const found = messages.find(({ message }) => message.sequence === sequence);
  if (found === undefined) throw new Error(`no event ${sequence}`);
  return found;
}

async function verified(source: ListedStreams, copy: StreamCopy | null = null): Promise<string> {
  return verdict(await new HistoryVerification(source, copy).run(silent), copy !== null);
}

async function copyOf(messages: readonly StoryMessage[]): Promise<StreamCopy> {
  await spec.reset();
  await applyBatch(spec.database, spec.tables, BEGINNING, batchOf(messages));
  return new StreamCopy(spec.database, 'read_1', 'HISTORY');
}

describe('the verification of HISTORY', () => {
  it('finds it as it was written', async () => {
    const source = new ListedStreams().append(record());
    expect(await verified(source)).toBe(
      'HISTORY is as it was written: 7 events in 3 chains, each linked to the one before.',
    );
    expect(await verified(source, await copyOf(record()))).toContain('and the copy in digest_change is the same');
    expect(await verified(new ListedStreams())).toContain('0 events');
  });

  it('names an event that was altered, by the hash that its successor carries', async () => {
    const source = new ListedStreams().append(record());
    source.alter('HISTORY', 2, forged(at(record(), 2), 'a'.repeat(64), 'c'.repeat(64)));
    expect(await verified(source)).toBe(
      'HISTORY is not as it was written: event 2 (history.ghcr=2Eio.team/app.2) was altered: event 5 carries another hash of it.',
    );
    expect(await verified(source, await copyOf(record()))).toContain('digest_change still holds the original');
  });

  it('names the first of several, though it shows later', async () => {
    const source = new ListedStreams().append(record());
    source.alter('HISTORY', 2, forged(at(record(), 2), 'a'.repeat(64), 'c'.repeat(64)));
    source.lose('HISTORY', 4);
    expect(await verified(source)).toMatch(/: event 2 .* was altered.* first of 3 faults/);
  });

  it.each([
    [1, 'event 1 is missing'],
    [3, 'event 3 is missing'],
    [6, 'event 6 is missing'],
    [7, 'event 7 is missing'],
  ])('names the missing event %i', async (sequence, words) => {
    const source = new ListedStreams().append(record());
    source.lose('HISTORY', sequence);
    expect(await verified(source)).toContain(`not as it was written: ${words}`);
  });

  it('finds out that the end is missing from the copy alone', async () => {
    const shorter = new ListedStreams().append(record().slice(0, 5));
    expect(await verified(shorter)).toContain('is as it was written: 5 events');
    expect(await verified(shorter, await copyOf(record()))).toContain('events 6 to 7 are missing');
  });

  it('finds an event that was taken out so that no sequence is missing', async () => {
    const moved = record()
      .filter(({ message }) => message.sequence !== 3)
      .map((one, i) => ({ ...one, message: { ...one.message, sequence: i + 1 } }));
    expect(await verified(new ListedStreams().append(moved))).toMatch(/event 3 .*(missing|altered)/);
  });

  it.each([
    [
      'another subject',
      '"tag":"2"',
      '"tag":"3"',
      'event 5 (history.ghcr=2Eio.team/app.2) was altered: it is about ghcr.io/team/app:3',
    ],
    ['no event at all', '"specversion":"1.0"', '"specversion":"9"', 'was altered: it cannot be read'],
    ['another id', 'app:2@2', 'app:2@1', 'was altered: its id ghcr.io/team/app:2@1 does not fit'],
  ])('names an event that was made %s', async (_what, from, to, words) => {
    const source = new ListedStreams().append(record());
    source.alter('HISTORY', 5, forged(at(record(), 5), from, to));
    expect(await verified(source)).toContain(words);
  });

  it('finds the newest event of a tag altered by the copy alone, and cannot tell which of them was', async () => {
    const source = new ListedStreams().append(record());
    source.alter('HISTORY', 6, forged(at(record(), 6), 'b'.repeat(64), 'c'.repeat(64)));
    expect(await verified(source)).toContain('is as it was written');
    expect(await verified(source, await copyOf(record()))).toMatch(
      /event 6 .* is another one in digest_change than in the stream/,
    );
  });

  it.each([
    [[2], 'event 2 (history.ghcr=2Eio.team/app.2) is missing in digest_change: the stream holds'],
    [[6, 7], 'event 6 (history.ghcr=2Eio.team/app.1) is missing in digest_change'],
    [[1, 2, 3, 4, 5, 6, 7], 'It is the first of 7 faults'],
  ])('names what the copy lacks: %j', async (lost, words) => {
    const copy = await copyOf(record());
    await spec.database.query('delete from read_1.digest_change where sequence = any($1)', [lost]);
    expect(await verified(new ListedStreams().append(record()), copy)).toContain(words);
  });

  it('asks of the copy no more than was projected', async () => {
    const copy = await copyOf(record().slice(0, 5));
    expect(await verified(new ListedStreams().append(record()), copy)).toContain('is as it was written: 7 events');
  });

  it('tells a copy that was altered from a stream that was', async () => {
    const copy = await copyOf(record());
    await spec.database.query(`update read_1.digest_change set event = 'x' where sequence = 1`);
    expect(await verified(new ListedStreams().append(record()), copy)).toMatch(
      /event 1 .* was altered in digest_change alone: the stream holds what was written/,
    );
  });
});
