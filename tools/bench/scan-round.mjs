import { setTimeout as sleep } from 'node:timers/promises';
import { decodeScanLog, EVENT_TYPES } from '@dtm/events';
import { askScanNow, readStream, STREAMS, streamState } from '@dtm/jetstream';
import { RepositoryName } from '@dtm/oci';
import { inParallel, referencesOf, track } from './fill.mjs';
import { repositoryName, sizeOf } from './manifests.mjs';

/** @typedef {import('./manifests.mjs').TagSet} TagSet */

const LIMIT_MS = 120_000;
/** For what is still on its way when the last row is written: acknowledgements, the scheduler's reading of SCAN_LOG. */
const AFTERMATH_MS = 300;
const SCAN_NOW_WITHIN_MS = 10_000;

/**
 * What one round of scans cost.
 * @typedef {{ observations: number, seconds: number, perSecond: number, requestsPerObservation: number,
 *   cpuPerThousand: number, postgresCpuPerThousand: number, natsCpuPerThousand: number, statementsPerObservation: number }} Round
 */

/** Watches what the projector tells the api of, as the api itself does: by LISTEN, which costs the measured ones nothing. */
export class ProjectionWatcher {
  #scanned = /** @type {Set<string>} */ (new Set());
  #history = 0;
  #wake = () => {};
  #system;

  /** @param {import('./system.mjs').System} system */
  static async start(system) {
    const { database } = system;
    const watcher = new ProjectionWatcher(system);
    database.client.on('notification', ({ channel, payload = '' }) => {
      if (channel === 'scan') watcher.#scanned.add(JSON.parse(payload).repository);
      if (channel === 'history') watcher.#history = Math.max(watcher.#history, Number(payload));
      watcher.#wake();
    });
    await database.query('listen scan');
    await database.query('listen history');
    return watcher;
  }

  /** @param {import('./system.mjs').System} system */
  constructor(system) {
    this.#system = system;
  }

  forget() {
    this.#scanned.clear();
  }

  /** Waits until scans of so many repositories are in PostgreSQL. @param {number} count */
  scans(count) {
    return this.#until(
      () => this.#scanned.size >= count,
      () => `scans of ${this.#scanned.size} of ${count} repositories are projected`,
    );
  }

  /** Waits until HISTORY is in PostgreSQL up to a sequence. @param {number} sequence */
  history(sequence) {
    return this.#until(
      () => this.#history >= sequence,
      () => `HISTORY is projected up to ${this.#history}, not ${sequence}`,
    );
  }

  /** @param {() => boolean} done @param {() => string} found */
  async #until(done, found) {
    const deadline = Date.now() + LIMIT_MS;
    while (!done()) {
      this.#system.checkRunning();
      if (Date.now() > deadline) throw new Error(`After ${LIMIT_MS / 1000} s ${found()}.`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, 1_000, undefined);
        this.#wake = () => {
          clearTimeout(timer);
          resolve(undefined);
        };
      });
    }
  }
}

/**
 * One round: every repository of a set is scanned once. The fetcher is held until all requests lie in the queue, so that
 * what is measured is the pipeline and not the scheduler's clock, which looks four times a second. The time is that from
 * the fetcher's release until the last row is committed in PostgreSQL; the CPU and the statements are those of all services
 * from before the scans were asked for, or, where tags are new, from when they were tracked, projected and due.
 * @param {{ system: import('./system.mjs').System, watcher: ProjectionWatcher, host: string, set: TagSet, isNew: boolean,
 *   changes: number, countRequests?: () => Promise<number> }} options
 *   isNew: the tags are tracked only now; changes: how many tags have another digest than before
 * @returns {Promise<Round>}
 */
export async function scanRound({ system, watcher, host, set, isNew, changes, countRequests }) {
  const { nc, database } = system;
  const fetcher = system.service('registry-fetcher');
  const [scans, scanLog] = await Promise.all([
    streamState(nc, STREAMS.scans),
    streamState(nc, STREAMS.scanLog),
    countRequests?.(),
  ]);
  watcher.forget();
  let statements = await database.statements();
  let cpu = system.cpuSeconds();

  fetcher.hold();
  if (isNew) await track(nc, referencesOf(host, set));
  else await askForScans(nc, host, set);
  await untilQueued(nc, scans.lastSequence + set.repositories);
  if (isNew) {
    await untilTracked(system);
    statements = await database.statements();
    cpu = system.cpuSeconds();
  }
  const released = performance.now();
  fetcher.release();
  await watcher.scans(set.repositories);
  await watcher.history((await streamState(nc, STREAMS.history)).lastSequence);
  const seconds = (performance.now() - released) / 1000;
  await sleep(AFTERMATH_MS);

  const used = system.cpuSeconds();
  const observations = sizeOf(set);
  const found = await readScans(nc, scanLog.lastSequence);
  const expected = { observations, changes: isNew ? observations : changes, failures: 0 };
  for (const [what, count] of Object.entries(expected)) {
    const told = found[/** @type {keyof typeof expected} */ (what)];
    // A repository that was scanned twice in a round has that many more observations, and no more changes.
    if (what === 'observations' ? told < count : told !== count)
      throw new Error(`The scans tell of ${told} ${what}, not of ${count}.`);
  }
  const requests = countRequests === undefined ? found.requests : await countRequests();
  const perThousand = (/** @type {number} */ total) => (total / observations) * 1000;
  return {
    observations,
    seconds,
    perSecond: observations / seconds,
    requestsPerObservation: requests / observations,
    cpuPerThousand: perThousand(used.ours - cpu.ours),
    postgresCpuPerThousand: perThousand(used.postgres - cpu.postgres),
    natsCpuPerThousand: perThousand(used.nats - cpu.nats),
    statementsPerObservation: ((await database.statements()) - statements) / observations,
  };
}

/** As POST /api/v1/scans does for each. @param {import('@dtm/jetstream').NatsConnection} nc @param {string} host @param {TagSet} set */
export async function askForScans(nc, host, set) {
  await inParallel(Array(set.repositories).keys(), 64, async (index) => {
    await askScanNow(nc, RepositoryName.of(host, repositoryName(set, index)), { timeoutMs: SCAN_NOW_WITHIN_MS });
  });
}

/** @param {import('@dtm/jetstream').NatsConnection} nc @param {number} sequence */
async function untilQueued(nc, sequence) {
  const deadline = Date.now() + LIMIT_MS;
  while ((await streamState(nc, STREAMS.scans)).lastSequence < sequence) {
    if (Date.now() > deadline) throw new Error('The scheduler does not ask for all scans.');
    await sleep(20);
  }
}

/** What is tracked is projected, which is not what is measured here. @param {import('./system.mjs').System} system */
async function untilTracked(system) {
  const { lastSequence } = await streamState(system.nc, STREAMS.tracking);
  const deadline = Date.now() + LIMIT_MS;
  for (;;) {
    system.checkRunning();
    const [row] = await system.database.query(
      `select sequence::float8 as sequence from "${await system.schema()}".checkpoint where stream = 'TRACKING'`,
    );
    if (Number(row?.sequence) >= lastSequence) return;
    if (Date.now() > deadline) throw new Error(`TRACKING is projected up to ${row?.sequence} of ${lastSequence}.`);
    await sleep(20);
  }
}

/** What the scans after a sequence of SCAN_LOG tell. @param {import('@dtm/jetstream').NatsConnection} nc @param {number} after */
async function readScans(nc, after) {
  const totals = { observations: 0, changes: 0, failures: 0, requests: 0 };
  const { lastSequence } = await streamState(nc, STREAMS.scanLog);
  const end = new AbortController();
  for await (const { data, sequence } of readStream(nc, { stream: STREAMS.scanLog, after, signal: end.signal })) {
    const event = decodeScanLog(data);
    totals.requests += event.data.requests;
    if (event.type === EVENT_TYPES.RepositoryScanned) {
      totals.observations += event.data.observations;
      totals.changes += event.data.changes;
      totals.failures += event.data.failures.length;
    } else {
      totals.failures++;
    }
    if (sequence >= lastSequence) break;
  }
  end.abort();
  return totals;
}
