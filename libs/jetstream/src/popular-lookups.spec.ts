import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startNats, type RunningNats } from '@dtm/testing';
import { Kvm, type KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { connectNats } from './connection.ts';
import { PopularLookups, type LookupTurn } from './popular-lookups.ts';
import { BUCKETS, ensureStreams } from './streams.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const plan = { count: 50, everyMs: DAY, retryMs: HOUR };

let nats: RunningNats;
let nc: NatsConnection;
let kv: KV;
let lookups: PopularLookups;
const now = new Date();
const later = (ms: number): Date => new Date(now.getTime() + ms);

beforeAll(async () => {
  nats = await startNats();
  nc = await connectNats({ url: nats.url, name: 'spec' });
  await ensureStreams(nc);
  kv = await new Kvm(nc).open(BUCKETS.scanState);
});
beforeEach(async () => {
  await kv.delete('popular-images');
  lookups = await PopularLookups.open(nc);
});
afterAll(async () => {
  await nc.close();
  await nats.stop();
});

async function taken(at: Date, wanted = plan): Promise<Extract<LookupTurn, { mayLook: true }>> {
  const turn = await lookups.takeTurn(at, wanted);
  if (!turn.mayLook) throw new Error(`not before ${turn.againAt.toISOString()}`);
  return turn;
}

describe('PopularLookups', () => {
  it('lets one of several look', async () => {
    const turns = await Promise.all([1, 2, 3].map(async () => lookups.takeTurn(now, plan)));
    expect(turns.filter(({ mayLook }) => mayLook)).toHaveLength(1);
    expect(turns.filter(({ mayLook }) => !mayLook)).toEqual([
      { mayLook: false, againAt: later(HOUR) },
      { mayLook: false, againAt: later(HOUR) },
    ]);
  });

  it('lets nobody look again within the interval, whoever restarts', async () => {
    await lookups.succeeded(await taken(now), later(1_000), 50);
    lookups = await PopularLookups.open(nc);
    expect(await lookups.takeTurn(later(2 * HOUR), plan)).toEqual({ mayLook: false, againAt: later(DAY + 1_000) });
    expect(await lookups.takeTurn(later(2 * HOUR), { ...plan, count: 10 })).toMatchObject({ mayLook: false });
    await taken(later(DAY + 1_000));
  });

  it('lets look at once where more are wanted than were looked for', async () => {
    await lookups.succeeded(await taken(now), now, 50);
    await taken(later(1), { ...plan, count: 100 });
  });

  it('lets look again an hour after a look that did not succeed, and at once where it was given back', async () => {
    await taken(now);
    expect(await lookups.takeTurn(later(HOUR - 1), plan)).toEqual({ mayLook: false, againAt: later(HOUR) });
    const turn = await taken(later(HOUR));
    await lookups.giveBack(turn);
    await taken(later(HOUR));
    // The turn is another one's by now.
    await lookups.giveBack(turn);
    await lookups.succeeded(turn, later(HOUR), 50);
    expect(await lookups.takeTurn(later(HOUR + 1), plan)).toEqual({ mayLook: false, againAt: later(2 * HOUR) });
  });

  it('starts anew where the value is none of ours, or of a clock that was wrong', async () => {
    await kv.put('popular-images', 'no JSON');
    await lookups.succeeded(await taken(now), later(400 * DAY), 50);
    await taken(later(HOUR));
  });
});
