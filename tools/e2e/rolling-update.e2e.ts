import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectNats, ensureStreams, HistoryLog, STREAMS, streamState, type NatsConnection } from '@dtm/jetstream';
import { startNats, startPostgres, type RunningNats, type RunningPostgres } from '@dtm/testing';
import { ServiceProcess, type ServiceName } from '../bench/service-process.mjs';
import { eventually } from './history-reader.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** So many that the new projector is at work on its read models while more is recorded. */
const RECORDED_BEFORE = 2_000;
const TAGS = 500;

/**
 * The version after this one, as its images would have it: the same code, but for a column more in its read models, which
 * makes them another version.
 */
function nextVersion(service: ServiceName, folder: string): string {
  const root = join(folder, service);
  execFileSync(process.execPath, [join(ROOT, 'infra', 'image', 'assemble.mjs'), ROOT, root, service]);
  const path = join(root, 'libs', 'read-model', 'dist', 'schema', 'create-schema.js');
  const text = readFileSync(path, 'utf8')
    .replace(/(READ_MODEL_VERSION = )(\d+)/, (_, name: string, version: string) => `${name}${Number(version) + 1}`)
    .replace(
      'await sql.query(await statementsOf(database, schema));',
      (create) =>
        `${create} await sql.query(\`alter table "\${schema}".tag add column later text not null default 'x'\`);`,
    );
  expect(text).toContain('add column later');
  writeFileSync(path, text);
  return root;
}

/** The next event of one tag after another, as a fetcher records them. */
class Recorder {
  readonly #log: HistoryLog;
  readonly #last = new Map<number, { digest: string; lastSeenAt: string; sequence: number; hash: string }>();
  recorded = 0;

  constructor(nc: NatsConnection) {
    this.#log = new HistoryLog(nc);
  }

  async record(): Promise<void> {
    const number = this.recorded++;
    const tag = number % TAGS;
    const digest = `sha256:${number.toString(16).padStart(64, '0')}`;
    const at = new Date(Date.UTC(2026, 0, 1) + number * 1_000).toISOString();
    const result = await this.#log.recordObserved({
      registry: 'ghcr.io',
      repository: `team/app-${tag % 7}`,
      tag: `1.${tag}`,
      digest,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      observedAt: at,
      source: 'head',
      previous: this.#last.get(tag) ?? null,
    });
    if (result.outcome !== 'appended') throw new Error(`not appended: ${JSON.stringify(result)}`);
    this.#last.set(tag, { digest, lastSeenAt: at, sequence: result.sequence, hash: digest.slice('sha256:'.length) });
  }
}

describe('a rolling update to a version with other read models', () => {
  let folder: string;
  let postgres: RunningPostgres;
  let nats: RunningNats;
  let nc: NatsConnection;
  let env: Record<string, string>;
  const services: ServiceProcess[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'dtm-next-version-'));
    [postgres, nats] = await Promise.all([startPostgres(), startNats()]);
    nc = await connectNats({ url: nats.url, name: 'recorder' });
    await ensureStreams(nc);
    const database = await postgres.newDatabase();
    env = { NATS_URL: nats.url, DATABASE_URL: database, LOG_LEVEL: 'info', MAX_API_REQUESTS_PER_MINUTE: '0' };
  }, 120_000);

  afterAll(async () => {
    await Promise.all(services.map((service) => service.stop()));
    await nc?.close();
    await Promise.all([nats?.stop(), postgres?.stop()]);
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  function start(name: ServiceName, root = ROOT): ServiceProcess {
    const service = new ServiceProcess(name, env, root);
    services.push(service);
    return service;
  }

  /** Every sequence that an api tells of in its export, in its order. */
  async function exported(port: number): Promise<number[]> {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/export/changes.ndjson`);
    expect(answer.status).toBe(200);
    const lines = (await answer.text()).trim().split('\n');
    return lines.map((line) => (JSON.parse(line) as { sequence: number }).sequence);
  }

  it('loses no event, and the api of either version answers throughout', async () => {
    const recorder = new Recorder(nc);
    const oldProjector = start('history-projector');
    await oldProjector.ready();
    const oldApi = await start('api').ready();
    while (recorder.recorded < RECORDED_BEFORE) await recorder.record();

    const end = new AbortController();
    const recording = (async () => {
      for (; !end.signal.aborted; await sleep(2)) await recorder.record();
    })();
    /** A page of each api, again and again; what it shows never goes back. */
    const reading = async (port: number): Promise<number> => {
      let asked = 0;
      for (let last = 0; !end.signal.aborted; await sleep(10), asked++) {
        const answer = await fetch(`http://127.0.0.1:${port}/api/v1/tags/ghcr.io/team/app-0:1.0/changes?limit=1`);
        expect(answer.status).toBe(200);
        const { items } = (await answer.json()) as { items: { sequence: number }[] };
        const sequence = items[0]?.sequence ?? 0;
        expect(sequence).toBeGreaterThanOrEqual(last);
        last = sequence;
        expect((await fetch(`http://127.0.0.1:${port}/api/v1/tags?sort=changes`)).status).toBe(200);
      }
      return asked;
    };

    // As a rolling update does: the new one beside the old one, which is ended when the new one is ready.
    const nextApi = await start('api', nextVersion('api', folder)).ready();
    const readers = [oldApi, nextApi].map(reading);
    const nextProjector = start('history-projector', nextVersion('history-projector', folder));
    await nextProjector.ready();
    await eventually('the old projector has ended', () => !oldProjector.running);
    expect(oldProjector.log).toMatch(
      /The read models have version \d+, this projector writes version \d+: start the newer/,
    );

    // Both apis read what the new projector makes.
    const after = recorder.recorded + 200;
    await eventually('more is recorded', () => recorder.recorded >= after);
    end.abort();
    await recording;
    for (const asked of await Promise.all(readers)) expect(asked).toBeGreaterThan(0);

    const { lastSequence } = await streamState(nc, STREAMS.history);
    expect(lastSequence).toBe(recorder.recorded);
    const all = Array.from({ length: lastSequence }, (_, i) => i + 1);
    for (const port of [oldApi, nextApi]) {
      await eventually('all is projected', async () => (await exported(port)).length >= lastSequence);
      expect(await exported(port)).toEqual(all);
    }
  }, 240_000);
});
