import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { hashOf, repositoryKey } from '@dtm/events';
import type { RepositoryName } from '@dtm/oci';
import { startNats, type RunningNats } from '@dtm/testing';
import { Kvm, type KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { connectNats } from './connection.ts';
import { reference } from './testing/sample-data.ts';
import { ScanStateStore, type TagScanState } from './scan-state.ts';
import { BUCKETS, ensureStreams } from './streams.ts';

let nats: RunningNats;
let nc: NatsConnection;
let kv: KV;
let store: ScanStateStore;
let repositories = 0;
let name: RepositoryName;

beforeAll(async () => {
  nats = await startNats();
  nc = await connectNats({ url: nats.url, name: 'spec' });
  await ensureStreams(nc);
  kv = await new Kvm(nc).open(BUCKETS.scanState);
  store = await ScanStateStore.open(nc);
});

beforeEach(() => {
  name = reference(`docker.io/acme/app-${++repositories}:1`).name;
});

afterAll(async () => {
  await nc.close();
  await nats.stop();
});

/** States of so many tags with the longest of names; `sequence` tells one write from another. */
function states(count: number, sequence: number): Map<string, TagScanState> {
  const tags = new Map<string, TagScanState>();
  for (let i = 0; i < count; i++) {
    tags.set(`${i}-`.padEnd(128, 'x'), {
      sequence,
      lastSeenAt: new Date(1_795_000_000_000 + i),
      missingSince: i % 3 === 0 ? new Date(1_796_000_000_000 + i) : null,
    });
  }
  return tags;
}

/** Everything that is known of the tags, small: Jest takes seconds to compare thousands of them. */
function digestOf(tags: ReadonlyMap<string, TagScanState>): string {
  return `${tags.size} tags, ${hashOf(new TextEncoder().encode(JSON.stringify([...tags])))}`;
}

describe('ScanStateStore', () => {
  it('holds nothing of a repository at first', async () => {
    expect(await store.read(name)).toEqual({ tags: new Map(), revision: 0 });
  });

  it.each([0, 1, 5_000, 12_000])('gives back what was written of %i tags', async (count) => {
    const tags = states(count, 9_007_199_254_740_991);
    expect(await store.write(name, tags, 0, 'scan-1')).toBe(true);
    const read = await store.read(name);
    expect(digestOf(read.tags)).toBe(digestOf(tags));
    expect(read.revision).toBeGreaterThan(0);
  });

  it('replaces what was written before, also by less', async () => {
    await store.write(name, states(12_000, 1), 0, 'scan-1');
    const { revision } = await store.read(name);
    expect(await store.write(name, states(3, 2), revision, 'scan-2')).toBe(true);
    expect(digestOf((await store.read(name)).tags)).toBe(digestOf(states(3, 2)));
  });

  it('tells the later of two scans that it lost, which then has touched nothing', async () => {
    await store.write(name, states(6_000, 1), 0, 'scan-1');
    const { revision } = await store.read(name);
    expect(await store.write(name, states(12_000, 2), revision, 'scan-2')).toBe(true);
    expect(await store.write(name, states(12_000, 3), revision, 'scan-3')).toBe(false);
    expect(await store.write(name, states(12_000, 3), 0, 'scan-3')).toBe(false);
    expect(digestOf((await store.read(name)).tags)).toBe(digestOf(states(12_000, 2)));
  });

  it('lets one of several scans that end together win, as a whole', async () => {
    const writes = await Promise.all(
      [1, 2, 3, 4].map(async (scan) => store.write(name, states(12_000, scan), 0, `scan-${scan}`)),
    );
    expect(writes.filter(Boolean)).toHaveLength(1);
    expect(digestOf((await store.read(name)).tags)).toBe(digestOf(states(12_000, writes.indexOf(true) + 1)));
  });

  it('never takes a mixture for a whole: tags of another write fall back to nothing', async () => {
    await store.write(name, states(12_000, 1), 0, 'scan-1');
    const { revision } = await store.read(name);
    const key = repositoryKey(name);
    // A process that died after the first chunk of its write.
    const tags = [...states(12_000, 2)].slice(0, 5_000);
    const head = tags.map(([tag, state]) => [tag, state.sequence, state.lastSeenAt.getTime(), 0]);
    await kv.put(key, JSON.stringify({ write: 'scan-2', chunks: 3, tags: head }), { previousSeq: revision });
    const read = await store.read(name);
    expect([...read.tags.keys()]).toEqual(tags.map(([tag]) => tag));
    expect(new Set([...read.tags.values()].map((state) => state.sequence))).toEqual(new Set([2]));
    expect(await store.write(name, states(12_000, 3), read.revision, 'scan-3')).toBe(true);
    expect(digestOf((await store.read(name)).tags)).toBe(digestOf(states(12_000, 3)));
  });

  it('starts anew where the value was deleted or is none of ours', async () => {
    const key = repositoryKey(name);
    for (const spoil of [() => kv.delete(key), () => kv.put(key, 'no JSON'), () => kv.put(key, '{"chunks":"many"}')]) {
      await spoil();
      const read = await store.read(name);
      expect(read.tags.size).toBe(0);
      expect(await store.write(name, states(2, 1), read.revision, 'scan-1')).toBe(true);
      expect(digestOf((await store.read(name)).tags)).toBe(digestOf(states(2, 1)));
    }
  });

  describe('remembers', () => {
    it('nothing that it did not write, and then all of it', async () => {
      const other = await ScanStateStore.open(nc);
      const memory = { cursor: 'after that', fullAt: new Date(1_795_000_000_000) };
      await other.write(name, states(3, 1), 0, 'scan-1', memory);
      expect(store.remembered(name)).toBeNull();
      expect(other.remembered(name)).toEqual(await store.read(name));
      expect(other.remembered(name)).toMatchObject(memory);
    });

    it('what it wrote last, though another wrote since: a write based on it is refused, and forgets it', async () => {
      const other = await ScanStateStore.open(nc);
      await store.write(name, states(3, 1), 0, 'scan-1');
      const remembered = store.remembered(name);
      await other.write(name, states(3, 2), remembered?.revision ?? 0, 'scan-2');
      expect(store.remembered(name)).toEqual(remembered);
      expect(await store.write(name, states(3, 3), remembered?.revision ?? 0, 'scan-3')).toBe(false);
      expect(store.remembered(name)).toBeNull();
      expect(digestOf((await store.read(name)).tags)).toBe(digestOf(states(3, 2)));
    });

    it('no state of several chunks', async () => {
      await store.write(name, states(6_000, 1), 0, 'scan-1');
      expect(store.remembered(name)).toBeNull();
    });
  });
});
