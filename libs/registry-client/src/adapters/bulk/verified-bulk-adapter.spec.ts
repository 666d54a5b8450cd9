import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RepositoryName } from '@dtm/oci';
import { RegistryFailure, type FailureCode } from '../../failure.ts';
import type { RegistryClient } from '../../registry-client.ts';
import { clientOf, digestOf, headOf, pushedAtOf, ScriptedRegistry, scanOf } from '../../testing/index.ts';
import { OciAdapter } from '../oci/oci-adapter.ts';
import type { BulkAnswer, BulkRequest, BulkRow, BulkSource } from './bulk-source.ts';
import { BulkTrust } from './bulk-trust.ts';
import { VerifiedBulkAdapter } from './verified-bulk-adapter.ts';

const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;
const pushedAt = new Date('2026-11-20T11:00:00Z');

/** An API by script: what it says next, or how it fails. */
class ScriptedSource implements BulkSource {
  readonly name = 'scripted';
  worthFrom = 1;
  reads: BulkRequest[] = [];
  says: Partial<BulkAnswer> & { tags?: Record<string, string | null> } = {};
  fails: FailureCode | null = null;

  read(repository: RepositoryName, request: BulkRequest): Promise<BulkAnswer> {
    this.reads.push(request);
    if (this.fails !== null) {
      const detail = { operation: 'list the tags of', reference: repository.toString(), reason: 'it fails' };
      return Promise.reject(new RegistryFailure({ code: this.fails, ...detail, requests: 1 }));
    }
    const { tags = {}, ...answer } = this.says;
    const rows = new Map<string, BulkRow>();
    for (const [tag, content] of Object.entries(tags)) {
      rows.set(tag, { digest: content === null ? null : digestOf(content), pushedAt });
    }
    const listing = { tags: [...rows.keys()], complete: false };
    return Promise.resolve({ rows, restUnchanged: false, listing, cursor: 'W1', requests: 1, ...answer });
  }
}

describe('VerifiedBulkAdapter', () => {
  let registry: ScriptedRegistry;
  let client: RegistryClient;
  let name: RepositoryName;
  let source: ScriptedSource;
  let clock: Date;
  let switches: string[];
  let adapter: VerifiedBulkAdapter;

  const another = (): VerifiedBulkAdapter => {
    const onSwitch = (key: string, until: Date): number => switches.push(`${key} ${until.toISOString()}`);
    const trust = new BulkTrust({ now: () => clock, random: () => 0.5, onSwitch });
    return new VerifiedBulkAdapter(source, new OciAdapter(client), trust);
  };
  const head = (tag: string, content: string | null): void => registry.expect(headOf('team/app', tag, content));

  beforeEach(async () => {
    registry = await ScriptedRegistry.start();
    client = clientOf({ insecure: { [registry.host]: {} } });
    name = RepositoryName.of(registry.host, 'team/app');
    source = new ScriptedSource();
    clock = new Date('2026-11-20T12:00:00Z');
    switches = [];
    adapter = another();
  });

  afterEach(async () => {
    await client.close();
    await registry.close();
    registry.verify();
  });

  it('takes agreement with the record for agreement, without a request to the registry', async () => {
    source.says = { tags: { one: 'a', two: 'b' } };
    const scan = await scanOf(adapter, name, { tags: ['one', 'two'], recorded: { one: 'a', two: 'b' } });
    expect(scan.tags).toEqual({ one: 'agreed', two: 'agreed' });
    expect(pushedAtOf(scan, 'one')).toBe(pushedAt.toISOString());
    expect(scan.answers.get('one')).not.toHaveProperty('provenAt');
    expect(scan.summary).toMatchObject({
      requests: 1,
      disagreements: 0,
      sampled: 0,
      listing: { tags: ['one', 'two'] },
    });
  });

  it('asks the registry about a digest that differs, and about what is unknown on either side', async () => {
    source.says = { tags: { moved: 'b', odd: null, fresh: 'c' } };
    for (const [tag, content] of Object.entries({ moved: 'b', odd: 'a', fresh: 'c', unlisted: 'd' }))
      head(tag, content);
    const recorded = { moved: 'a', odd: 'a', unlisted: 'a' };
    const scan = await scanOf(adapter, name, { tags: ['moved', 'odd', 'fresh', 'unlisted'], recorded });
    expect(scan.tags).toEqual({
      moved: 'observed b',
      odd: 'observed a',
      fresh: 'observed c',
      unlisted: 'observed d',
    });
    expect(pushedAtOf(scan, 'moved')).toBe(pushedAt.toISOString());
    expect(pushedAtOf(scan, 'odd')).toBeUndefined();
    expect(scan.summary).toMatchObject({ requests: 5, disagreements: 0 });
  });

  it('lets the registry win: what it does not confirm is counted and never passed on', async () => {
    source.says = { tags: { lagging: 'b', wrong: 'b', deleted: 'b', fine: 'a' } };
    head('lagging', 'a');
    head('wrong', 'c');
    head('deleted', null);
    const recorded = { lagging: 'a', wrong: 'a', deleted: 'a', fine: 'a' };
    const scan = await scanOf(adapter, name, { tags: Object.keys(recorded), recorded });
    expect(scan.tags).toEqual({ lagging: 'observed a', wrong: 'observed c', deleted: 'absent', fine: 'agreed' });
    expect(pushedAtOf(scan, 'wrong')).toBeUndefined();
    expect(scan.summary.disagreements).toBe(3);
  });

  it('asks about each tag once, however often it is named', async () => {
    source.says = { tags: { one: 'b' } };
    head('one', 'b');
    expect((await scanOf(adapter, name, { tags: ['one', 'one'], recorded: { one: 'a' } })).summary.requests).toBe(2);
  });

  it('asks few tags by HEAD where the list is dear', async () => {
    source.worthFrom = 2;
    head('one', 'a');
    const scan = await scanOf(adapter, name, { tags: ['one'], recorded: { one: 'a' }, cursor: 'kept' });
    expect(scan.tags).toEqual({ one: 'observed a' });
    expect(scan.summary).toEqual({ listing: null, cursor: 'kept', requests: 1, disagreements: 0, sampled: 0 });
    expect(source.reads).toEqual([]);
  });

  describe('cursors', () => {
    const tags = ['one', 'two'];
    const recorded = { one: 'a', two: 'b' };
    const first = async (): Promise<string> => {
      source.says = { tags: { one: 'a', two: 'b' } };
      const { summary } = await scanOf(adapter, name, { tags, recorded });
      expect(source.reads.at(-1)?.cursor).toBeNull();
      source.says = { tags: {}, restUnchanged: true, cursor: 'W2' };
      return summary.cursor ?? '';
    };

    it('lets the order of the list speak for tags that it does not name', async () => {
      const cursor = await first();
      const scan = await scanOf(adapter, name, { tags, recorded, cursor });
      expect(source.reads.at(-1)?.cursor).toBe('W1');
      expect(scan.tags).toEqual({ one: 'agreed', two: 'agreed' });
      expect(scan.answers.get('one')).toEqual({ tag: 'one', outcome: 'agreed', requests: 0 });
      expect(Buffer.byteLength(scan.summary.cursor ?? '')).toBeLessThanOrEqual(200);
    });

    it('serves another process that asks for the same tags', async () => {
      const cursor = await first();
      expect((await scanOf(another(), name, { tags: ['two', 'one'], recorded, cursor })).tags).toEqual({
        one: 'agreed',
        two: 'agreed',
      });
    });

    it('does not let it speak for a tag that was not looked at when the cursor was given', async () => {
      const cursor = await first();
      head('three', 'd');
      const more = { ...recorded, three: 'c' };
      expect((await scanOf(adapter, name, { tags: [...tags, 'three'], recorded: more, cursor })).tags).toEqual({
        one: 'agreed',
        two: 'agreed',
        three: 'observed d',
      });
    });

    it('asks about all where another process gave a cursor for other tags', async () => {
      const cursor = await first();
      head('one', 'a');
      expect((await scanOf(another(), name, { tags: ['one'], recorded, cursor })).tags).toEqual({ one: 'observed a' });
    });

    it('does not let it speak for a tag without a record', async () => {
      const cursor = await first();
      head('two', 'c');
      expect((await scanOf(adapter, name, { tags, recorded: { one: 'a' }, cursor })).tags).toEqual({
        one: 'agreed',
        two: 'observed c',
      });
    });

    it('nor in a full scan', async () => {
      const cursor = await first();
      head('one', 'a');
      head('two', null);
      const scan = await scanOf(adapter, name, { tags, recorded, cursor, full: true });
      expect(source.reads.at(-1)?.cursor).toBeNull();
      expect(scan.tags).toEqual({ one: 'observed a', two: 'absent' });
    });

    it('nor for a tag that the registry did not have, and that it would name while it lists what is new alone', async () => {
      source.says = { tags: { one: 'a' } };
      head('two', null);
      const { summary } = await scanOf(adapter, name, { tags, recorded });
      source.says = { tags: {}, restUnchanged: true, cursor: 'W2' };
      head('two', null);
      const scan = await scanOf(adapter, name, { tags, recorded, cursor: summary.cursor ?? '' });
      expect(scan.tags).toEqual({ one: 'agreed', two: 'absent' });
    });

    it('nor for a tag that a complete list lacks', async () => {
      const cursor = await first();
      source.says = { tags: { one: 'a' }, restUnchanged: true, listing: { tags: ['one'], complete: true } };
      head('two', null);
      const scan = await scanOf(adapter, name, { tags, recorded, cursor });
      expect(scan.tags).toEqual({ one: 'agreed', two: 'absent' });
    });

    it('nor for a tag whose last look failed, or was answered otherwise than the list had it', async () => {
      let cursor = await first();
      source.says = { tags: { one: 'c', two: 'c' }, restUnchanged: true, cursor: 'W2' };
      registry.expect({ ...headOf('team/app', 'one', 'c'), status: 500 });
      head('two', 'b');
      const scan = await scanOf(adapter, name, { tags, recorded, cursor });
      expect(scan.tags).toEqual({ one: 'server-error', two: 'observed b' });
      cursor = scan.summary.cursor ?? '';
      source.says = { tags: {}, restUnchanged: true, cursor: 'W3' };
      head('one', 'c');
      head('two', 'c');
      expect((await scanOf(adapter, name, { tags, recorded, cursor })).tags).toEqual({
        one: 'observed c',
        two: 'observed c',
      });
    });

    it('remembers tags that a scan leaves out, as long as the list does not show them moved', async () => {
      let cursor = await first();
      cursor = (await scanOf(adapter, name, { tags: ['one'], recorded, cursor })).summary.cursor ?? '';
      cursor = (await scanOf(adapter, name, { tags, recorded, cursor })).summary.cursor ?? '';
      source.says = { tags: { two: 'd' }, restUnchanged: true, cursor: 'W3' };
      cursor = (await scanOf(adapter, name, { tags: ['one'], recorded, cursor })).summary.cursor ?? '';
      expect(source.reads.at(-1)).toMatchObject({ tags: new Set(['one']), remembered: new Set(['one', 'two']) });
      source.says = { tags: {}, restUnchanged: true, cursor: 'W4' };
      head('two', 'd');
      expect((await scanOf(adapter, name, { tags, recorded, cursor })).tags).toEqual({
        one: 'agreed',
        two: 'observed d',
      });
    });

    it('is not given where the source wants to see everything next time', async () => {
      source.says = { tags: { one: 'a' }, cursor: null };
      expect((await scanOf(adapter, name, { tags: ['one'], recorded })).summary).not.toHaveProperty('cursor');
    });
  });

  describe('samples', () => {
    const recorded = { one: 'a', two: 'b', three: 'c' };
    const tags = Object.keys(recorded);

    it('asks the registry about one tag of those agreed, once a day', async () => {
      source.says = { tags: recorded };
      clock = new Date(clock.getTime() + DAY);
      head('two', 'b');
      const scan = await scanOf(adapter, name, { tags, recorded });
      expect(scan.tags).toEqual({ one: 'agreed', two: 'observed b', three: 'agreed' });
      expect(scan.summary).toMatchObject({ requests: 2, sampled: 1, disagreements: 0 });
      expect((await scanOf(adapter, name, { tags, recorded })).summary.sampled).toBe(0);
      clock = new Date(clock.getTime() + DAY);
      head('two', 'b');
      expect((await scanOf(adapter, name, { tags, recorded })).summary.sampled).toBe(1);
    });

    it('asks by HEAD for a day once two samples of the last disagreed, and then believes it again', async () => {
      source.says = { tags: recorded };
      for (const content of ['d', 'd']) {
        clock = new Date(clock.getTime() + DAY);
        head('two', content);
        const scan = await scanOf(adapter, name, { tags, recorded });
        expect(scan.tags['two']).toBe('observed d');
        expect(scan.summary.disagreements).toBe(1);
      }
      expect(switches).toEqual([`${registry.host} ${new Date(clock.getTime() + DAY).toISOString()}`]);
      const reads = source.reads.length;
      for (const [tag, content] of Object.entries(recorded)) head(tag, content);
      expect((await scanOf(adapter, name, { tags, recorded })).tags).toEqual({
        one: 'observed a',
        two: 'observed b',
        three: 'observed c',
      });
      expect(source.reads).toHaveLength(reads);
      clock = new Date(clock.getTime() + DAY);
      head('two', 'b');
      await scanOf(adapter, name, { tags, recorded });
      expect(source.reads).toHaveLength(reads + 1);
    });

    it('counts a sample that the order of the list spoke for', async () => {
      source.says = { tags: recorded };
      const { cursor } = (await scanOf(adapter, name, { tags, recorded })).summary;
      source.says = { tags: {}, restUnchanged: true };
      clock = new Date(clock.getTime() + DAY);
      head('two', 'd');
      expect((await scanOf(adapter, name, { tags, recorded, cursor })).summary).toMatchObject({
        disagreements: 1,
        sampled: 1,
      });
    });

    it('does not hold a deletion against a list of what is new', async () => {
      source.says = { tags: recorded };
      const { cursor } = (await scanOf(adapter, name, { tags, recorded })).summary;
      source.says = { tags: {}, restUnchanged: true };
      clock = new Date(clock.getTime() + DAY);
      head('two', null);
      const scan = await scanOf(adapter, name, { tags, recorded, cursor });
      expect(scan.tags['two']).toBe('absent');
      expect(scan.summary).toMatchObject({ disagreements: 0, sampled: 1 });
    });
  });

  describe('where the API is of no use', () => {
    const tags = ['one', 'two', 'three'];

    it('leaves it alone for a day where it only names digests that the registry does not', async () => {
      source.says = { tags: { one: 'd', two: 'd', three: 'd' } };
      for (let i = 0; i < 2; i++) for (const tag of tags) head(tag, 'a');
      expect((await scanOf(adapter, name, { tags })).summary.disagreements).toBe(3);
      expect((await scanOf(adapter, name, { tags })).summary.requests).toBe(3);
      expect(source.reads).toHaveLength(1);
      expect(switches).toEqual([`${name.toString()} ${new Date(clock.getTime() + DAY).toISOString()}`]);
    });

    it.each(['not-found', 'unauthorized', 'bad-answer'] as const)(
      'leaves the repository alone after %s',
      async (code) => {
        source.fails = code;
        for (let i = 0; i < 2; i++) for (const tag of tags) head(tag, 'a');
        const scan = await scanOf(adapter, name, { tags, cursor: 'kept' });
        expect(scan.tags).toEqual({ one: 'observed a', two: 'observed a', three: 'observed a' });
        expect(scan.summary).toEqual({ listing: null, cursor: 'kept', requests: 4, disagreements: 0, sampled: 0 });
        await scanOf(adapter, name, { tags });
        expect(source.reads).toHaveLength(1);
      },
    );

    it('leaves the registry alone for an hour after three outages in a row', async () => {
      source.fails = 'server-error';
      for (let i = 0; i < 4; i++) head('one', 'a');
      for (let i = 0; i < 4; i++) await scanOf(adapter, name, { tags: ['one'] });
      expect(source.reads).toHaveLength(3);
      expect(switches).toEqual([`${registry.host} ${new Date(clock.getTime() + HOUR).toISOString()}`]);
    });

    it('asks nobody where the registry is halted', async () => {
      source.fails = 'throttled';
      const scan = await scanOf(adapter, name, { tags });
      expect(scan.tags).toEqual({ one: 'throttled', two: 'throttled', three: 'throttled' });
      expect(scan.summary.requests).toBe(1);
    });
  });

  it('sends nothing more once nobody reads on', async () => {
    source.says = { tags: {} };
    head('one', 'a');
    // The next request may be on its way already.
    registry.expect({ ...headOf('team/app', 'two', 'a'), times: 'any' });
    const scan = adapter.scan(name, { tags: ['one', 'two', 'three'], concurrency: 1 });
    await scan.next();
    await scan.return({ listing: null, requests: 0, disagreements: 0, sampled: 0 });
    expect(registry.seen.map(({ path }) => path)).not.toContain('/v2/team/app/manifests/three');
  });
});
