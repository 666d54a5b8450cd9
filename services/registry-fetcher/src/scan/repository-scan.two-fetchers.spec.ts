import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RepositoryName } from '@dtm/oci';
import { startNats, startRegistry, type RunningNats, type RunningRegistry } from '@dtm/testing';
import { digestsOf, FetcherUnderTest, historyOf } from '../testing/fetcher-under-test.ts';
import { digestOf, ScriptedTags } from '../testing/scripted-tags.ts';

describe('two fetchers on one repository', () => {
  let nats: RunningNats;
  let registry: RunningRegistry;
  let scripted: ScriptedTags;
  let one: FetcherUnderTest;
  let two: FetcherUnderTest;
  beforeAll(async () => {
    [nats, registry, scripted] = await Promise.all([startNats(), startRegistry(), ScriptedTags.start()]);
    one = await FetcherUnderTest.start(nats.url);
    two = await FetcherUnderTest.start(nats.url);
  });
  afterAll(async () => {
    await Promise.all([one.stop(), two.stop()]);
    await Promise.all([nats.stop(), registry.stop(), scripted.close()]);
  });

  async function flap(path: string, round: (name: RepositoryName) => Promise<number>): Promise<void> {
    const name = RepositoryName.of(registry.host, path);
    const expected: string[] = [];
    await one.track(name, 'a', 'still');
    await registry.pushImage(path, 'still');
    for (let i = 0; i < 12; i++) {
      const { digest } = await registry.pushImage(path, 'a', { content: i % 2 === 0 ? 'A' : 'B' });
      expected.push(digest);
      await round(name);
    }
    expect(await digestsOf(one.nc, name, 'a')).toEqual(expected);
    expect(await digestsOf(one.nc, name, 'still')).toHaveLength(1);
    const history = await historyOf(one.nc, name, 'a');
    history.forEach(({ event: { data } }, i) => {
      const before = history[i - 1];
      expect(data.previous?.sequence ?? null).toBe(before?.sequence ?? null);
      expect(data.previous?.hash ?? null).toBe(before?.hash ?? null);
      if (data.previous === null) return;
      expect(data.previous.lastSeenAt < data.observedAt).toBe(true);
    });
  }

  it('record every transition once when they take turns', async () => {
    let turn = 0;
    await flap('team/turns', async (name) => (await (turn++ % 2 === 0 ? one : two).scanned(name)).changes);
  });

  it('record every transition once when each skips turns', async () => {
    let turn = 0;
    await flap('team/skips', async (name) => (await (turn++ % 3 === 0 ? one : two).scanned(name)).changes);
  });

  it('record every transition once when they scan at the same time', async () => {
    await flap('team/at-once', async (name) => {
      const events = await Promise.all([one.scanned(name), two.scanned(name), one.scanned(name), two.scanned(name)]);
      return events.reduce((sum, event) => sum + event.changes, 0);
    });
  });

  it('record what the tag went through while it moves under their scans, and nothing that it did not', async () => {
    const name = RepositoryName.of(registry.host, 'team/moving');
    const pushed: string[] = [];
    const push = async (): Promise<void> => {
      const content = pushed.length % 2 === 0 ? 'A' : 'B';
      pushed.push((await registry.pushImage('team/moving', 'a', { content })).digest);
    };
    await push();
    await one.track(name, 'a');
    let moving = true;
    const scans = [one, two, one, two].map(async (fetcher) => {
      while (moving) await fetcher.scanned(name);
    });
    for (let i = 0; i < 30; i++) await push();
    moving = false;
    await Promise.all(scans);
    await one.scanned(name);
    const recorded = await digestsOf(one.nc, name, 'a');
    // Neighbours differ: A -> A would be a transition that never was. The last one is what the tag points to.
    recorded.forEach((digest, i) => expect(digest).not.toBe(recorded[i - 1]));
    expect(recorded.at(-1)).toBe(pushed.at(-1));
    expect(recorded.length).toBeLessThanOrEqual(pushed.length);
  });

  it('never take an answer that was long on its way for a return to the old digest', async () => {
    const name = RepositoryName.of(scripted.host, 'team/slow');
    scripted.tags.set('team/slow:a', { content: 'A' });
    await one.track(name, 'a');
    await one.scanned(name);
    let release: () => void = () => undefined;
    const asked = new Promise<void>((onRequest) => {
      scripted.tags.set('team/slow:a', {
        held: { content: 'A' },
        release: new Promise((resolve) => (release = resolve)),
        onRequest,
      });
    });
    const slow = one.scanned(name);
    await asked;
    scripted.tags.set('team/slow:a', { content: 'B' });
    expect(await two.scanned(name)).toMatchObject({ changes: 1 });
    await one.parts.historyTail.catchUp();
    release();
    expect(await slow).toMatchObject({ changes: 0, observations: 1 });
    expect(await digestsOf(one.nc, name, 'a')).toEqual([digestOf('A'), digestOf('B')]);
    scripted.verify();
  });

  it('take over what the other one knew, and name the last of all requests that saw the digest', async () => {
    const name = RepositoryName.of(registry.host, 'team/by-turns');
    await registry.pushImage('team/by-turns', 'a', { content: 'A' });
    await registry.pushImage('team/by-turns', 'quiet', { content: 'Q' });
    await one.track(name, 'a', 'quiet');
    const lastSeen = async (tag: string) => (await two.parts.scanState.read(name)).tags.get(tag)?.lastSeenAt;
    // Each remembers what it wrote itself, which is never what is stored.
    for (const fetcher of [one, two, one, two, one]) {
      const before = new Date();
      await fetcher.scanned(name);
      expect(((await lastSeen('a')) ?? 0) >= before).toBe(true);
    }
    const seen = new Date();
    await two.scanned(name);
    await registry.pushImage('team/by-turns', 'a', { content: 'B' });
    expect(await one.scanned(name)).toMatchObject({ changes: 1 });
    const change = (await historyOf(one.nc, name, 'a')).at(-1)?.event.data;
    expect((change?.previous?.lastSeenAt ?? '') >= seen.toISOString()).toBe(true);
  });

  it('keep weaker bounds, not wrong ones, where the one that wrote last knew less', async () => {
    const name = RepositoryName.of(registry.host, 'team/bounds');
    await registry.pushImage('team/bounds', 'a', { content: 'A' });
    await one.track(name, 'a');
    await Promise.all([one.scanned(name), two.scanned(name)]);
    await registry.pushImage('team/bounds', 'a', { content: 'B' });
    const pushedAt = new Date().toISOString();
    await registry.pushImage('team/bounds', 'a', { content: 'A' });
    await registry.pushImage('team/bounds', 'a', { content: 'C' });
    await two.scanned(name);
    const last = (await historyOf(one.nc, name, 'a')).at(-1)?.event.data;
    expect((last?.previous?.lastSeenAt ?? '') < pushedAt && (last?.observedAt ?? '') >= pushedAt).toBe(true);
  });
});
