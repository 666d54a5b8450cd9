import { setTimeout as sleep } from 'node:timers/promises';
import { referencesOf, track } from './fill.mjs';
import { sizeOf } from './manifests.mjs';
import { Responder } from './responder-process.mjs';
import { System } from './system.mjs';

const REGISTRIES = 5;
const PER_SECOND = 10;
/** The first seconds are not counted: what may be sent at once after a pause is sent then. */
const RUN_UP_S = 2;

/**
 * Five registries that may be asked ten times a second each, with more to do than that: they must not wait for one another.
 * @param {import('./table.mjs').Table} table
 * @param {import('./stores.mjs').Postgres} postgres
 * @param {{ quick: boolean, say: (line: string) => void }} options
 */
export async function benchLimits(table, postgres, { quick, say }) {
  const seconds = quick ? 3 : 20;
  const set = {
    prefix: 'limited',
    repositories: 10,
    tagsEach: Math.ceil(((seconds + RUN_UP_S) * PER_SECOND * 2) / 10),
  };
  const responder = await Responder.start(REGISTRIES);
  const system = await System.start(postgres);
  try {
    await responder.serve(set);
    await system.startServices(['history-projector', 'registry-fetcher', 'scheduler'], {
      INSECURE_REGISTRIES: responder.hosts.join(','),
      MAX_REQUESTS_PER_SECOND: String(PER_SECOND),
    });
    say(`limits: ${REGISTRIES} registries of ${PER_SECOND}/s, ${sizeOf(set)} tags each, ${seconds} s`);
    for (const host of responder.hosts) await track(system.nc, referencesOf(host, set));
    await sleep(RUN_UP_S * 1_000);
    await responder.take();
    const began = performance.now();
    await sleep(seconds * 1_000);
    const { requests, perSecond } = await responder.take();
    const took = (performance.now() - began) / 1_000;
    table.section(`Limits: ${REGISTRIES} registries of ${PER_SECOND} requests/s each`);
    // A tenth below what is allowed is still "each for itself"; one limit for all would be a fifth.
    table.row('requests to all together', requests / took, '/s', { atLeast: REGISTRIES * PER_SECOND * 0.9 });
    const busiest = Math.max(...perSecond.map(([, count]) => count));
    table.row('most requests that one registry saw in one second', busiest, '', { atMost: PER_SECOND + 2 });
  } catch (error) {
    throw system.blamed(error);
  } finally {
    await system.stop();
    await responder.stop();
  }
}
