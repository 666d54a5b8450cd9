import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { findRegistry, startDockerRegistry } from './docker-registry.mjs';
import { digestOf, sizeOf, tagsOf } from './manifests.mjs';
import { Responder } from './responder-process.mjs';
import { ProjectionWatcher, scanRound } from './scan-round.mjs';
import { median, ratio } from './statistics.mjs';
import { System } from './system.mjs';

/**
 * @typedef {import('./manifests.mjs').TagSet} TagSet
 * @typedef {import('./scan-round.mjs').Round} Round
 * @typedef {{ perSecond: number, cpuPerThousand: number }} Raw
 * @typedef {{ set: TagSet, rounds: number, newRounds: number, large: TagSet, largeRounds: number, rawSeconds: number,
 *   warmUp: TagSet, warmUpRounds: number }} ScanSize
 * warmUp: the first rounds of a process are slow for reasons that pass, as nothing is compiled yet
 */

/** @type {ScanSize} */
export const FULL = {
  set: { prefix: 'set', repositories: 100, tagsEach: 20 },
  newRounds: 3,
  rounds: 5,
  large: { prefix: 'large', repositories: 500, tagsEach: 20 },
  largeRounds: 4,
  rawSeconds: 1.5,
  warmUp: { prefix: 'warm', repositories: 150, tagsEach: 20 },
  warmUpRounds: 6,
};
/** @type {ScanSize} */
export const QUICK = {
  set: { prefix: 'set', repositories: 10, tagsEach: 5 },
  newRounds: 1,
  rounds: 1,
  large: { prefix: 'large', repositories: 20, tagsEach: 5 },
  largeRounds: 1,
  rawSeconds: 0.2,
  warmUp: { prefix: 'warm', repositories: 2, tagsEach: 5 },
  warmUpRounds: 1,
};
const CHANGED_SHARE = 0.01;

/**
 * @param {import('./table.mjs').Table} table
 * @param {import('./stores.mjs').Postgres} postgres
 * @param {{ quick: boolean, say: (line: string) => void }} options
 */
export async function benchScans(table, postgres, { quick, say }) {
  const size = quick ? QUICK : FULL;
  await benchResponder(table, postgres, { size, say });
  await benchRealRegistry(table, postgres, { size, say });
}

/**
 * @param {import('./table.mjs').Table} table
 * @param {import('./stores.mjs').Postgres} postgres
 * @param {{ size: ScanSize, say: (line: string) => void }} options
 */
async function benchResponder(table, postgres, { size, say }) {
  const responder = await Responder.start();
  const { host } = responder;
  const system = await System.start(postgres);
  try {
    await startAll(system, host);
    const watcher = await ProjectionWatcher.start(system);
    let sockets = 0;
    // At first the fetcher asks what kind of registry this is, by calls that only some kinds know.
    let known = false;
    const countRequests = async () => {
      const taken = await responder.take();
      if (known && taken.unknown > 0)
        throw new Error(`The responder was asked for ${taken.unknown} things that it does not have.`);
      sockets += taken.sockets;
      return taken.requests;
    };
    const raw = async (/** @type {'bare' | 'client'} */ kind) => {
      const rate = await rawHeads(kind, host, size.set, size.rawSeconds);
      await responder.take();
      return rate;
    };
    const round = (/** @type {TagSet} */ set, /** @type {{ isNew?: boolean, changes?: number }} */ kind) =>
      scanRound({ system, watcher, host, set, isNew: kind.isNew === true, changes: kind.changes ?? 0, countRequests });
    const sets = Array.from({ length: size.newRounds }, (_, i) => ({ ...size.set, prefix: `set${i}` }));
    for (const set of [size.warmUp, size.set, size.large, ...sets]) await responder.serve(set);

    say('responder: warming up');
    await round(size.warmUp, { isNew: true });
    for (let index = 0; index < size.warmUpRounds; index++) await round(size.warmUp, {});
    known = true;
    const fresh = /** @type {Round[]} */ ([]);
    const unchanged = /** @type {Round[]} */ ([]);
    const bare = /** @type {Raw[]} */ ([]);
    const client = /** @type {Raw[]} */ ([]);
    for (const [index, set] of sets.entries()) {
      say(`responder: ${sizeOf(set)} new tags, round ${index + 1} of ${sets.length}`);
      bare.push(await raw('bare'));
      fresh.push(await round(set, { isNew: true }));
    }
    const bareOfNew = bare.splice(0);
    for (let index = 0; index < size.rounds; index++) {
      say(`responder: ${sizeOf(size.set)} unchanged tags, round ${index + 1} of ${size.rounds}`);
      bare.push(await raw('bare'));
      unchanged.push(await round(/** @type {TagSet} */ (sets[0]), {}));
      client.push(await raw('client'));
    }
    say(`responder: ${sizeOf(size.large)} tags`);
    const largeFresh = await round(size.large, { isNew: true });
    const largeUnchanged = /** @type {Round[]} */ ([]);
    const largeChanged = /** @type {Round[]} */ ([]);
    const all = [...tagsOf(size.large)];
    const changed = all.filter((_, index) => index % Math.round(1 / CHANGED_SHARE) === 0);
    for (let index = 0; index < size.largeRounds; index++) {
      say(
        `responder: ${all.length} tags, unchanged and ${changed.length} changed, round ${index + 1} of ${size.largeRounds}`,
      );
      largeUnchanged.push(await round(size.large, {}));
      await responder.change(changed);
      largeChanged.push(await round(size.large, { changes: changed.length }));
    }
    await checkDigests(system, host, [
      ...sets.flatMap((set) => [...tagsOf(set)].map((tag) => ({ ...tag, version: 0 }))),
      ...all.map((tag) => ({ ...tag, version: changed.includes(tag) ? size.largeRounds : 0 })),
    ]);

    table.section('Scans, trivial responder');
    const rates = (/** @type {Raw[]} */ raws) => raws.map(({ perSecond }) => perSecond);
    table.row('raw HEADs, bare undici pool (`reset: false`)', median(rates([...bareOfNew, ...bare])), '/s');
    table.row(
      'raw HEADs, bare undici pool: CPU s per 1,000',
      median([...bareOfNew, ...bare].map((raw) => raw.cpuPerThousand)),
      '',
    );
    table.row('raw HEADs, our client', median(rates(client)), '/s');
    table.row('raw HEADs, our client: CPU s per 1,000', median(client.map((raw) => raw.cpuPerThousand)), '');
    table.row('our client, of the bare pool', ratio(rates(client), rates(bare)), '%', { atLeast: 75 });
    rows(table, `${sizeOf(size.set)} new`, fresh, { bare: rates(bareOfNew), atLeast: 18, cpu: 0.45 });
    rows(table, `${sizeOf(size.set)} unchanged`, unchanged, { bare: rates(bare), atLeast: 40, cpu: 0.15 });
    rows(table, `${all.length} new`, [largeFresh], {});
    rows(table, `${all.length} unchanged`, largeUnchanged, {});
    rows(table, `${all.length}, 1 % changed`, largeChanged, {});
    const slower = 100 - ratio(perSecond(largeChanged), perSecond(largeUnchanged));
    table.row('1 % changed, slower than unchanged by', slower, '%', { atMost: 10 });
    table.row('sockets opened by the fetcher', sockets, '', { atMost: 32 });
    for (const name of /** @type {const} */ (['registry-fetcher', 'history-projector', 'scheduler', 'api'])) {
      table.row(`peak memory, ${name}`, system.service(name).memory.peak, 'MB');
    }
    table.note(`${system.nats.description}; PostgreSQL ${postgres.version}, fsync on`);
  } catch (error) {
    throw system.blamed(error);
  } finally {
    await system.stop();
    await responder.stop();
  }
}

/**
 * @param {import('./table.mjs').Table} table
 * @param {import('./stores.mjs').Postgres} postgres
 * @param {{ size: ScanSize, say: (line: string) => void }} options
 */
async function benchRealRegistry(table, postgres, { size, say }) {
  table.section("Scans, Debian's docker-registry in memory");
  const binary = findRegistry();
  if (binary === undefined) {
    table.note('docker-registry is not installed, so nothing was measured against it: apt-get install docker-registry');
    return;
  }
  const registry = await startDockerRegistry(binary);
  const { host } = registry;
  const system = await System.start(postgres);
  try {
    say('docker-registry: filling and warming up');
    for (const set of [size.warmUp, size.set]) await registry.serve(set);
    await startAll(system, host);
    const watcher = await ProjectionWatcher.start(system);
    const round = (/** @type {TagSet} */ set, /** @type {boolean} */ isNew) =>
      scanRound({ system, watcher, host, set, isNew, changes: 0 });
    await round(size.warmUp, true);
    await round(size.warmUp, false);
    say(`docker-registry: ${sizeOf(size.set)} new tags`);
    const bareOfNew = await rawHeads('bare', host, size.set, size.rawSeconds);
    const fresh = await round(size.set, true);
    const bare = /** @type {number[]} */ ([]);
    const unchanged = /** @type {Round[]} */ ([]);
    for (let index = 0; index < Math.min(3, size.rounds); index++) {
      say(`docker-registry: ${sizeOf(size.set)} unchanged tags, round ${index + 1}`);
      bare.push((await rawHeads('bare', host, size.set, size.rawSeconds)).perSecond);
      unchanged.push(await round(size.set, false));
    }
    table.row('raw HEADs, bare undici pool', median([bareOfNew.perSecond, ...bare]), '/s');
    rows(table, `${sizeOf(size.set)} new`, [fresh], { bare: [bareOfNew.perSecond] });
    rows(table, `${sizeOf(size.set)} unchanged`, unchanged, { bare, atLeast: 70 });
  } catch (error) {
    throw system.blamed(error);
  } finally {
    await system.stop();
    await registry.stop();
  }
}

/**
 * @param {import('./table.mjs').Table} table
 * @param {string} what
 * @param {Round[]} rounds
 * @param {{ bare?: number[], atLeast?: number, cpu?: number }} goals bare: raw HEADs per second next to each round
 */
function rows(table, what, rounds, { bare, atLeast, cpu }) {
  const of = (/** @type {keyof Round} */ name) => median(rounds.map((round) => round[name]));
  table.row(`${what}: observations`, of('perSecond'), '/s');
  if (bare !== undefined) {
    table.row(
      `${what}: of the raw HEADs`,
      ratio(perSecond(rounds), bare),
      '%',
      atLeast === undefined ? {} : { atLeast },
    );
  }
  table.row(
    `${what}: CPU s per 1,000, our four services`,
    of('cpuPerThousand'),
    '',
    cpu === undefined ? {} : { atMost: cpu },
  );
  table.row(`${what}: CPU s per 1,000, PostgreSQL`, of('postgresCpuPerThousand'), '');
  table.row(`${what}: CPU s per 1,000, NATS`, of('natsCpuPerThousand'), '');
  table.row(`${what}: requests per observation`, of('requestsPerObservation'), '', { atMost: 1.01 });
  table.row(`${what}: SQL statements per observation`, of('statementsPerObservation'), '', { atMost: 0.02 });
}

/** @param {Round[]} rounds */
function perSecond(rounds) {
  return rounds.map((round) => round.perSecond);
}

/** @param {System} system @param {string} host */
async function startAll(system, host) {
  const settings = { INSECURE_REGISTRIES: host };
  await system.startServices(['history-projector', 'registry-fetcher', 'scheduler'], settings);
  await system.startServices(['api'], settings);
}

/**
 * @param {'bare' | 'client'} kind
 * @param {string} host
 * @param {TagSet} set
 * @param {number} seconds
 * @returns {Promise<Raw>}
 */
function rawHeads(kind, host, set, seconds) {
  const script = join(import.meta.dirname, 'raw-heads.mjs');
  const child = spawn(process.execPath, [script, JSON.stringify({ kind, host, set: { ...set }, seconds })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text) => (output += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve(JSON.parse(output)) : reject(new Error(`raw HEADs (${kind}) ended with ${code}`)),
    );
  });
}

/**
 * Compares what PostgreSQL says with what the responder serves: a fast pipeline that is wrong measures nothing.
 * @param {System} system
 * @param {string} host
 * @param {{ repository: string, tag: string, version: number }[]} tags
 */
async function checkDigests(system, host, tags) {
  const rowsFound = await system.database.query(
    `select repository, tag, digest from "${await system.schema()}".tag where registry = $1`,
    [host],
  );
  const found = new Map(rowsFound.map(({ repository, tag, digest }) => [`${repository}:${tag}`, digest]));
  for (const { repository, tag, version } of tags) {
    const name = `${repository}:${tag}`;
    if (found.get(name) !== digestOf(repository, tag, version))
      throw new Error(`PostgreSQL has another digest of ${name}.`);
  }
}
