import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeHistory, EVENT_TYPES, hashOf, type DigestObserved } from '@dtm/events';
import {
  connectNats,
  ensureStreams,
  HistoryTail,
  readStream,
  STREAMS,
  streamState,
  TrackingTail,
  ViewLog,
  type NatsConnection,
  type StoredMessage,
} from '@dtm/jetstream';
import { startNats, startPostgres, type RunningNats } from '@dtm/testing';
import pg from 'pg';
import { sourceOf } from './arguments.ts';
import { HistoryImport, type ImportReport } from './history-import.ts';
import type { ImportSource } from './row.ts';
import { originalSource } from './sources/original.ts';
import { repoInfoSource } from './sources/repo-info.ts';
import { tableSource } from './sources/table.ts';

const A = `sha256:${'a'.repeat(64)}`;
const B = `sha256:${'b'.repeat(64)}`;
const C = `sha512:${'c'.repeat(128)}`;
const HEADER = 'image,tag,digest,observed_at,source';

describe('an import of history', () => {
  let server: RunningNats;
  let nc: NatsConnection;
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'dtm-import-'));
  });

  beforeEach(async () => {
    await nc?.close();
    await server?.stop();
    server = await startNats();
    nc = await connectNats({ url: server.url, name: 'import-spec' });
    await ensureStreams(nc);
  });

  afterAll(async () => {
    await nc?.close();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('writes each tag as a chain in order of time, with the bounds that the source gives', async () => {
    const report = await run(
      csv(
        `nginx,1.27,${B},2024-02-01T00:00:00Z,x`,
        `docker.io/library/nginx,1.27,${A},2024-01-01T00:00:00Z,x`,
        `ghcr.io/acme/app,v1,${C},2024-01-01T00:00:00Z,x`,
        `nginx,1.27,${B},2024-03-01T00:00:00Z,x`,
      ),
    );
    expect(report).toMatchObject({ rows: 4, imported: 3, repeated: 1, tags: 2, refused: 0, knownBefore: 0 });
    const nginx = (await imported()).filter(({ subject }) => subject === 'imported.docker=2Eio.library/nginx.1=2E27');
    const [first, second] = nginx;
    if (first === undefined || second === undefined) throw new Error('two events were expected');
    expect(dataOf(first)).toMatchObject({
      digest: A,
      observedAt: '2024-01-01T00:00:00.000Z',
      previous: null,
      source: 'csv',
    });
    expect(dataOf(second)).toMatchObject({ digest: B, observedAt: '2024-02-01T00:00:00.000Z' });
    expect(dataOf(second).previous).toEqual({
      digest: A,
      lastSeenAt: '2024-01-01T00:00:00.000Z',
      sequence: first.sequence,
      hash: hashOf(first.data),
    });
    expect(decodeHistory(second.data)).toMatchObject({
      id: `docker.io/library/nginx:1.27@${first.sequence}`,
      source: '/docker-tag-monitor/import/csv',
      time: '2024-02-01T00:00:00.000Z',
    });
  });

  it('does nothing the second time, and brings only what is new', async () => {
    const rows = [`nginx,1,${A},2024-01-01T00:00:00Z,x`, `nginx,1,${B},2024-02-01T00:00:00Z,x`];
    await run(csv(...rows));
    expect(await run(csv(...rows))).toMatchObject({ imported: 0, knownBefore: 2 });
    expect(await run(csv(...rows, `nginx,1,${A},2024-03-01T00:00:00Z,x`))).toMatchObject({
      imported: 1,
      knownBefore: 2,
    });
    expect(await imported()).toHaveLength(3);
  });

  it('goes on where it was interrupted', async () => {
    const rows = Array.from(
      { length: 300 },
      (_, i) =>
        `nginx,1,${i % 2 ? A : B},2024-01-01T00:00:${String(i % 60).padStart(2, '0')}.${String(i).padStart(3, '0')}Z,x`,
    );
    const source = csv(...rows);
    const interrupted = new HistoryImport(nc, source).run((done) => {
      if (done >= 0) throw new Error('interrupted');
    });
    await expect(interrupted).rejects.toThrow('interrupted');
    const written = (await imported()).length;
    const report = await run(source);
    expect(report.imported + report.knownBefore + report.repeated).toBe(300);
    expect(report.knownBefore).toBe(written);
    expect(await imported()).toHaveLength(report.imported + written);
  });

  it('links earlier facts of a later import to the chain and claims no bound that nobody saw', async () => {
    await run(csv(`nginx,1,${A},2024-01-01T00:00:00Z,x`, `nginx,1,${B},2024-05-01T00:00:00Z,x`));
    await run(csv(`nginx,1,${C},2024-03-01T00:00:00Z,x`, `nginx,1,${A},2024-04-01T00:00:00Z,x`));
    const [, , earlier, next] = (await imported()).map(dataOf);
    expect(earlier).toMatchObject({ digest: C, previous: { digest: B, lastSeenAt: '1970-01-01T00:00:00.000Z' } });
    // Of this one the source knows what it saw before.
    expect(next).toMatchObject({ digest: A, previous: { digest: C, lastSeenAt: '2024-03-01T00:00:00.000Z' } });
  });

  it('takes a row for a repetition only where no other source saw another digest in between', async () => {
    await run(csv(`nginx,1,${A},2024-01-01T00:00:00Z,x`, `nginx,1,${B},2024-05-01T00:00:00Z,x`));
    const rows = [
      `nginx,1,${A},2024-01-15T00:00:00Z,x`,
      `nginx,1,${A},2024-02-01T00:00:00Z,x`,
      `nginx,1,${A},2024-06-01T00:00:00Z,x`,
      `nginx,1,${A},2024-07-01T00:00:00Z,x`,
    ];
    // The last sight of a before b, and the return to a.
    expect(await run(csv(...rows))).toMatchObject({ imported: 2, repeated: 2 });
    const told = (await imported()).map(dataOf).map(({ digest, observedAt }) => [digest, observedAt.slice(0, 10)]);
    expect(told.slice(2)).toEqual([
      [A, '2024-02-01'],
      [A, '2024-06-01'],
    ]);
    expect(await run(csv(...rows))).toMatchObject({ imported: 0, repeated: 2, knownBefore: 2 });
  });

  it('does nothing the second time with sources that contradict each other either', async () => {
    const row = (digest: string, day: number): string =>
      `nginx,1,${digest},2024-01-${String(day).padStart(2, '0')}T00:00:00Z,x`;
    const digests = [A, A, B, A, A, A, B, B, A];
    const one = digests.map((digest, i) => row(digest, 1 + 2 * i));
    // Every second fact at the very time of one of the first source.
    const two = digests.toReversed().flatMap((digest, i) => [row(digest, 2 + 2 * i), row(digest, 3 + 2 * i)]);
    await run(csv(...one));
    await run(csv(...two));
    await run(csv(...one));
    for (const rows of [one, two, one]) expect(await run(csv(...rows))).toMatchObject({ imported: 0 });
  });

  it('changes no baseline and reaches no live subscriber', async () => {
    await run(csv(`nginx,1,${A},2024-01-01T00:00:00Z,x`));
    const tail = new HistoryTail(nc, () => undefined);
    await tail.start();
    expect(tail.head({ registry: 'docker.io', repository: 'library/nginx', tag: '1' })).toBeNull();
    await tail.stop();
    expect((await imported()).every(({ subject }) => subject.startsWith('imported.'))).toBe(true);
  });

  it('refuses what is no fact, with the reason, and takes the rest', async () => {
    const report = await run(
      csv(
        `UPPER/case,1,${A},2024-01-01T00:00:00Z,x`,
        `nginx,1,sha256:short,2024-01-01T00:00:00Z,x`,
        `nginx,1,${A},yesterday,x`,
        `nginx,1,${A},2124-01-01T00:00:00Z,x`,
        `nginx,1,${A},0001-01-01T00:00:00Z,x`,
        `nginx,1,${A},01/02/2024,x`,
        'too,few',
        `"nginx","1","${A}","2024-01-01T00:00:00Z","a ""quoted"" word, and a comma"`,
      ),
    );
    expect(report).toMatchObject({ rows: 1, imported: 1, refused: 7 });
    expect(report.refusals.map(({ reason }) => reason)).toEqual([
      expect.stringContaining('capital letters'),
      expect.stringContaining('not a digest'),
      expect.stringContaining('not a time'),
      expect.stringContaining('not a time between 1970 and now'),
      expect.stringContaining('not a time between 1970 and now'),
      '"01/02/2024" is not a time such as 2024-01-31T12:00:00Z',
      expect.stringContaining('cannot be read'),
    ]);
    expect(report.refusals.map(({ text }) => text)).toContain('line 7: nginx:1');
  });

  it("takes over the original's database: tags, views and digests", async () => {
    const postgres = await startPostgres();
    const client = new pg.Client({ connectionString: await postgres.newDatabase() });
    try {
      await client.connect();
      await client.query(`
        set time zone 'UTC';
        create table image_to_scrape (id serial primary key, endpoint text, image text, tag text, added_at timestamptz,
          last_viewed timestamptz, last_pushed timestamptz);
        create table image_update (id serial primary key, scraped_at timestamp, image_id int, digest text);
        insert into image_to_scrape (endpoint, image, tag, added_at, last_viewed) values
          ('index.docker.io', 'library/nginx', '1.27', '2024-01-01', '2024-05-01'),
          ('ghcr.io', 'acme/app', 'latest', '2024-02-01', '2024-05-02');
        insert into image_update (scraped_at, image_id, digest) values
          ('2024-01-02', 1, '${A}'), ('2024-01-09', 1, '${B}'), ('2024-02-02', 2, '${A}');`);
      const { host, port, user, password, database } = client;
      const url = `postgresql://${user ?? ''}:${encodeURIComponent(password ?? '')}@${host}:${port}/${database ?? ''}`;
      const report = await run(originalSource(url));
      expect(report).toMatchObject({ rows: 3, imported: 3, tracked: 2, refused: 0 });
      // Its first versions kept this time without a zone: it is UTC.
      const times = (await imported()).map((message) => dataOf(message).observedAt.slice(0, 13)).toSorted();
      expect(times).toEqual(['2024-01-02T00', '2024-01-09T00', '2024-02-02T00']);
    } finally {
      await client.end();
      await postgres.stop();
    }
    const tail = new TrackingTail(nc, () => undefined);
    await tail.start();
    const tag = tail.repository({ registry: 'docker.io', repository: 'library/nginx' })?.tags.get('1.27');
    expect(tag).toMatchObject({ by: 'import', trackedAt: Date.UTC(2024, 0, 1) });
    await tail.stop();
    const views = await (await ViewLog.open(nc)).all();
    expect(views.get('ghcr.io/acme/app:latest')).toEqual(new Date('2024-05-02T00:00:00Z'));
  });

  it('reads the git log of docker-library/repo-info: the digest of the tag, never that of a platform', async () => {
    const path = join(folder, 'repo-info');
    const git = (...args: string[]): void => {
      execFileSync('git', ['-C', path, '-c', 'user.name=x', '-c', 'user.email=x@example.org', ...args], {
        stdio: 'ignore',
      });
    };
    const commit = (at: string, top: string, platform: string): void => {
      const file = join(path, 'repos', 'nginx', 'remote', '1.27.md');
      mkdirSync(dirname(file), { recursive: true });
      const pull = (digest: string): string => `\`\`\`console\n$ docker pull nginx@${digest}\n\`\`\`\n`;
      writeFileSync(
        file,
        `## \`nginx:1.27\`\n\n${pull(top)}\n- Platforms: 1\n\n### \`nginx:1.27\` - linux; amd64\n\n${pull(platform)}`,
      );
      git('add', '.');
      execFileSync('git', ['-C', path, '-c', 'user.name=x', '-c', 'user.email=x@example.org', 'commit', '-m', 'x'], {
        stdio: 'ignore',
        env: { ...process.env, GIT_COMMITTER_DATE: at, GIT_AUTHOR_DATE: at },
      });
    };
    mkdirSync(path);
    git('init');
    const platform = `sha256:${'d'.repeat(64)}`;
    commit('2024-01-01T00:00:00Z', A, platform);
    commit('2024-01-02T00:00:00Z', A, `sha256:${'e'.repeat(64)}`);
    commit('2024-01-03T00:00:00Z', B, platform);
    expect(await run(repoInfoSource(path))).toMatchObject({ rows: 2, imported: 2 });
    expect((await imported()).map((message) => dataOf(message).digest)).toEqual([A, B]);
    await expect(run(repoInfoSource(join(folder, 'nowhere')))).rejects.toThrow('git cannot read the log');
  });

  it('says what is wrong with the command line', () => {
    expect(sourceOf([])).toEqual({ fault: '--from is missing' });
    expect(sourceOf(['--from', 'moon'])).toEqual({ fault: '--from moon is not a source' });
    expect(sourceOf(['--from', 'csv'])).toEqual({ fault: '--from csv needs --file' });
    expect(sourceOf(['--frmo', 'csv'])).toEqual({ fault: expect.stringContaining('--frmo') });
  });

  async function run(source: ImportSource): Promise<ImportReport> {
    return new HistoryImport(nc, source).run(() => undefined);
  }

  function csv(...rows: string[]): ImportSource {
    const path = join(folder, 'facts.csv');
    writeFileSync(path, `${[HEADER, ...rows].join('\n')}\n`);
    return tableSource('csv', path);
  }

  async function imported(): Promise<StoredMessage[]> {
    const { lastSequence } = await streamState(nc, STREAMS.history);
    const messages: StoredMessage[] = [];
    if (lastSequence === 0) return messages;
    const stop = new AbortController();
    for await (const message of readStream(nc, { stream: STREAMS.history, after: 0, signal: stop.signal })) {
      messages.push(message);
      if (message.sequence >= lastSequence) stop.abort();
    }
    return messages;
  }
});

function dataOf(message: StoredMessage): DigestObserved {
  const event = decodeHistory(message.data);
  if (event.type !== EVENT_TYPES.DigestObserved) throw new Error(`${event.type} is not expected here`);
  return event.data;
}
