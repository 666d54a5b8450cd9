import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { findNatsServer } from '@dtm/embedded';
import {
  CONTENT_TYPE,
  decodeHistory,
  encode,
  EVENT_TYPES,
  hashOf,
  jsonSchemas,
  SUBJECTS,
  tagEventId,
} from '@dtm/events';
import { connectNats, ensureStreams, STREAMS, type NatsConnection } from '@dtm/jetstream';
import { Reference } from '@dtm/oci';
import { startNats, type RunningNats } from '@dtm/testing';
import { jetstream, jetstreamManager, type JetStreamClient } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import { Ajv2020 } from 'ajv/dist/2020.js';
import * as formats from 'ajv-formats';
import { natsConfiguration } from '../../infra/compose/nats-configuration.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** The changes that a subscriber misses while it is stopped. */
const MISSED = 10_000;
const PATIENCE_MS = 240_000;
const T0 = Date.parse('2026-11-22T12:00:00.000Z');

/** infra/nats.conf without what the test's own server has already: name, addresses, store. */
function accounts(): string {
  const users = ['API', 'SCHEDULER', 'FETCHER', 'PROJECTOR', 'BACKUP', 'OPERATOR', 'SUBSCRIBER', 'SYSTEM'];
  const variables = Object.fromEntries(users.map((name) => [`NATS_${name}_PASSWORD`, 'secret']));
  const whole = natsConfiguration({ folder: join(ROOT, 'infra'), variables, version: '2.12' });
  return whole.slice(whole.indexOf('\naccounts {'));
}

/** The lines of the page that are to be typed: indented ones that begin so. */
async function typed(begin: string): Promise<string[]> {
  const page = await readFile(join(ROOT, 'docs', 'events', 'subscribe.md'), 'utf8');
  return page.split('\n').flatMap((line) => (line.startsWith(`    ${begin}`) ? [line.trim()] : []));
}

function reference(text: string): Reference {
  const parsed = Reference.parse(text);
  if (!(parsed instanceof Reference)) throw new Error(parsed.reason);
  return parsed;
}

interface Appended {
  sequence: number;
  subject: string;
  text: string;
}

/** Writes changes as the fetcher does, each with the link to the one before, many at a time. */
class Changes {
  readonly all: Appended[] = [];
  readonly #newest = new Map<string, Appended & { digest: string; at: string }>();
  readonly #js: JetStreamClient;
  #count = 0;

  constructor(nc: NatsConnection) {
    this.#js = jetstream(nc);
  }

  /** One change of each tag, all on their way at once: the server stores them in this order. */
  async round(tags: readonly Reference[], subjectOf: (tag: Reference) => string = SUBJECTS.history): Promise<void> {
    const header = headers();
    header.set('content-type', CONTENT_TYPE);
    const storing = tags.map(async (tag) => {
      const subject = subjectOf(tag);
      const before = this.#newest.get(subject);
      const at = new Date(T0 + 1_000 * ++this.#count).toISOString();
      const digest = `sha256:${this.#count.toString(16).padStart(64, '0')}`;
      const { registry, repository } = tag;
      const bytes = encode({
        id: tagEventId(tag.toString(), before?.sequence ?? 0),
        source: '/docker-tag-monitor/registry-fetcher',
        type: EVENT_TYPES.DigestObserved,
        subject: tag.toString(),
        time: at,
        data: {
          ...{ registry, repository, tag: tag.tag, digest, observedAt: at, source: 'head' },
          mediaType: 'application/vnd.oci.image.index.v1+json',
          previous:
            before === undefined
              ? null
              : {
                  digest: before.digest,
                  lastSeenAt: before.at,
                  sequence: before.sequence,
                  hash: hashOf(new TextEncoder().encode(before.text)),
                },
        },
      });
      const expect = { lastSubjectSequence: before?.sequence ?? 0 };
      const { seq: sequence } = await this.#js.publish(subject, bytes, { headers: header, expect, timeout: 30_000 });
      const appended = { sequence, subject, text: new TextDecoder().decode(bytes) };
      this.all.push(appended);
      this.#newest.set(subject, { ...appended, digest, at });
    });
    await Promise.all(storing);
  }

  /** What was appended to subjects that begin so, by sequence. */
  below(prefix: string): Appended[] {
    return this.all.filter(({ subject }) => subject.startsWith(prefix)).sort((a, b) => a.sequence - b.sequence);
  }
}

/** A command of the page, running. */
class Running {
  readonly lines: string[] = [];
  errors = '';
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  #rest = '';

  constructor(command: string, url: string, folder: string) {
    const [program, script = '', ...args] = command.split(' ');
    expect(program).toBe('node');
    const env = { ...process.env, NATS_URL: url, NODE_OPTIONS: '' };
    this.#child = spawn(process.execPath, [join(ROOT, script), ...args], { cwd: folder, env });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = `${this.#rest}${text}`.split('\n');
      this.#rest = lines.pop() ?? '';
      this.lines.push(...lines);
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.errors += text));
    this.ended = new Promise((resolve) => this.#child.once('close', resolve));
  }

  /** Resolves when so many lines were printed; fails where it ends before. */
  async printed(count: number): Promise<void> {
    let code: number | null | undefined;
    void this.ended.then((ended) => (code = ended));
    while (this.lines.length < count) {
      if (code !== undefined) throw new Error(`it ended (${code}) after ${this.lines.length} lines: ${this.errors}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  end(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal);
    return this.ended;
  }
}

/** What a subscriber keeps: sequence, subject and event of each line. */
async function kept(folder: string): Promise<Appended[]> {
  const text = await readFile(join(folder, 'changes.log'), 'utf8');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [sequence, subject = '', event = ''] = line.split('\t');
      return { sequence: Number(sequence), subject, text: event };
    });
}

let nats: RunningNats;
let operator: NatsConnection;
let changes: Changes;
const folders: string[] = [];
const running: Running[] = [];

const urlOf = (user: string): string => nats.url.replace('nats://', `nats://${user}:secret@`);

async function ownFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'dtm-subscriber-'));
  folders.push(folder);
  return folder;
}

function run(command: string, user: string, folder: string): Running {
  const started = new Running(command, urlOf(user), folder);
  running.push(started);
  return started;
}

/** The page's command for a consumer of the subscriber's own, with another filter and name where given. */
async function ownConsumer(name: string, filter: string): Promise<string> {
  const [, command = ''] = await typed('node docs/events/examples/subscribe.ts');
  return command.replace(/(?<=--consumer )\S+/, name).replace(/(?<=--filter )\S+/, filter);
}

const NGINX = Array.from({ length: 80 }, (_, i) => reference(`nginx:1.${i}`));
const REDIS = Array.from({ length: 20 }, (_, i) => reference(`redis:7.${i}-alpine`));
const ELSEWHERE = [reference('registry.example.com:5000/library/nginx:1.1'), reference('quay.io/library/nginx:1.1')];

beforeAll(async () => {
  const binary = process.env['NATS_SERVER_BIN'] ?? findNatsServer();
  if (binary === undefined) throw new Error('These tests need nats-server on the PATH, or NATS_SERVER_BIN');
  nats = await startNats({ binary, config: accounts() });
  operator = await connectNats({ url: urlOf('operator'), name: 'operator' });
  await ensureStreams(operator);
  changes = new Changes(operator);
}, PATIENCE_MS);

afterEach(() => Promise.all(running.splice(0).map((one) => one.end('SIGKILL'))));

afterAll(async () => {
  await operator.close();
  await nats.stop();
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

describe('the subscriber of docs/events', () => {
  it(
    'gets each change once and in order: stopped for 10,000 of them, or killed amid them',
    async () => {
      const [line = ''] = await typed("SUBSCRIBERS='");
      const wanted = /^SUBSCRIBERS='([^']+)'/.exec(line)?.[1] ?? '';
      const maker = spawn(process.execPath, [join(ROOT, 'infra/subscribers/subscribers.mjs')], {
        env: { ...process.env, NODE_OPTIONS: '', NATS_URL: urlOf('operator'), SUBSCRIBERS: wanted },
      });
      expect(await new Promise((resolve) => maker.once('close', resolve))).toBe(0);

      const [command = ''] = await typed('node docs/events/examples/subscribe.ts');
      const folder = await ownFolder();
      await changes.round(REDIS);
      const before = run(command, 'subscriber', folder);
      await before.printed(REDIS.length);
      expect(await before.end('SIGTERM')).toBe(0);

      const killedFolder = await ownFolder();
      const redis = await ownConsumer('my-redis', 'docker.io/library/redis');
      const killed = run(redis, 'operator', killedFolder);
      for (let count = 0; count < MISSED; count += NGINX.length + REDIS.length) {
        await changes.round([...NGINX, ...ELSEWHERE, ...REDIS]);
        if (count % 1_000 === 0) await changes.round(NGINX.slice(0, 5), SUBJECTS.imported);
        if (count !== MISSED / 2) continue;
        await killed.printed(REDIS.length + 1);
        await killed.end('SIGKILL');
      }

      const [after, again] = [run(command, 'subscriber', folder), run(redis, 'operator', killedFolder)];
      await after.printed(MISSED);
      expect(await kept(folder)).toEqual(changes.below('history.docker=2Eio.'));
      expect([...before.lines, ...after.lines]).toEqual(changes.below('history.docker=2Eio.').map(({ text }) => text));

      const ofRedis = changes.below('history.docker=2Eio.library/redis.');
      while ((await kept(killedFolder)).length < ofRedis.length) await new Promise((end) => setTimeout(end, 50));
      expect(await kept(killedFolder)).toEqual(ofRedis);
      expect([await after.end('SIGTERM'), await again.end('SIGTERM')]).toEqual([0, 0]);

      const ajv = new Ajv2020();
      formats.default.default(ajv);
      const documented = ajv.compile(jsonSchemas().get('DigestObserved.v1.schema.json') ?? false);
      expect(after.lines.slice(0, 200).filter((event) => !documented(JSON.parse(event)))).toEqual([]);
    },
    PATIENCE_MS,
  );

  it.each([
    ['a tag', 'docker.io/library/redis:7.3-alpine', SUBJECTS.history(reference('redis:7.3-alpine'))],
    ['a registry', 'registry.example.com:5000', 'history.registry=2Eexample=2Ecom=3A5000.'],
  ])('reads the changes of %s alone', async (_, filter, prefix) => {
    const folder = await ownFolder();
    await changes.round([...REDIS, ...ELSEWHERE]);
    const expected = changes.below(prefix);
    const command = await ownConsumer(`of-${folders.length}`, filter);
    await run(command, 'operator', folder).printed(expected.length);
    expect(await kept(folder)).toEqual(expected);
  });

  it('stops at an event that does not follow the one before, and keeps nothing of it', async () => {
    const folder = await ownFolder();
    const tag = reference('ghcr.io/org/app:1');
    await changes.round([tag]);
    await changes.round([tag]);
    const [genuine] = changes.below(SUBJECTS.history(tag)).slice(1);
    const forged = JSON.parse(genuine?.text ?? '') as { data: { previous: { sequence: number; hash: string } } };
    forged.data.previous = { ...forged.data.previous, sequence: genuine?.sequence ?? 0 };
    await jetstream(operator).publish(SUBJECTS.history(tag), JSON.stringify(forged));
    const subscriber = run(await ownConsumer('forged', 'ghcr.io/org/app:1'), 'operator', folder);
    expect(await subscriber.ended).toBe(1);
    expect(subscriber.errors).toMatch(/event \d+ does not follow event \d+/);
    expect(await kept(folder)).toEqual(changes.below(SUBJECTS.history(tag)));
    const { ack_floor: floor } = await (await jetstreamManager(operator)).consumers.info(STREAMS.history, 'forged');
    expect(floor.stream_seq).toBe(genuine?.sequence);
  });
});

describe('the page', () => {
  it('shows an event of each type of HISTORY, as its schema has it', async () => {
    const page = await readFile(join(ROOT, 'docs', 'events', 'subscribe.md'), 'utf8');
    const shown = [...page.matchAll(/```json\n([\s\S]+?)```/g)].map(([, text = '']) => text);
    const events = shown.map((text) => decodeHistory(new TextEncoder().encode(text)));
    expect(events.map(({ type }) => type)).toEqual([EVENT_TYPES.DigestObserved, EVENT_TYPES.TagDisappeared]);
  });

  it('names the subjects as they are', async () => {
    const page = await readFile(join(ROOT, 'docs', 'events', 'subscribe.md'), 'utf8');
    for (const subject of [
      SUBJECTS.history(reference('nginx:1.27')),
      SUBJECTS.historyOfRegistry('docker.io'),
      SUBJECTS.historyOfRepository(reference('nginx:1.27')),
    ]) {
      expect(page).toContain(`\`${subject}\``);
    }
  });

  const natsCommands = async (): Promise<{ own: string; next: string[] }> => {
    const commands = await typed('nats ');
    return {
      own: commands.find((command) => command.includes(' consumer add ')) ?? '',
      next: commands.filter((command) => command.includes(' consumer next ')),
    };
  };

  it('has commands for the nats command line that name what is there', async () => {
    const { own, next } = await natsCommands();
    expect(own).toContain(`--filter '${SUBJECTS.historyOfRepository(reference('nginx:1'))}'`);
    expect(next).toEqual([
      expect.stringContaining('--js-domain dtm consumer next HISTORY subscriber '),
      expect.stringContaining('consumer next HISTORY my-nginx '),
    ]);
  });

  // Shows as skipped where the PATH has no `nats`.
  const hasNats = (process.env['PATH'] ?? '').split(delimiter).some((path) => existsSync(join(path, 'nats')));
  (hasNats ? it : it.skip)('has commands for the nats command line that work', async () => {
    const { own, next } = await natsCommands();
    await changes.round(NGINX);
    for (const [command, user] of [
      [own, 'operator'],
      [next[1] ?? '', 'operator'],
      [next[0] ?? '', 'subscriber'],
    ] as const) {
      const shell = spawn('sh', ['-c', command], { env: { ...process.env, NATS_URL: urlOf(user) } });
      let output = '';
      for (const stream of [shell.stdout, shell.stderr])
        stream.setEncoding('utf8').on('data', (text) => (output += text));
      expect([command, await new Promise((resolve) => shell.once('close', resolve)), output]).toEqual([
        command,
        0,
        output,
      ]);
      if (command.includes(' next ')) expect(output).toContain('dockertagmonitor.DigestObserved.v1');
    }
  });
});
