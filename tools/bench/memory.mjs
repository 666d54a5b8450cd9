import { setTimeout as sleep } from 'node:timers/promises';
import { STREAMS, streamState } from '@dtm/jetstream';
import { recordBaselines, referencesOf, track } from './fill.mjs';
import { sizeOf } from './manifests.mjs';
import { Responder } from './responder-process.mjs';
import { askForScans, ProjectionWatcher } from './scan-round.mjs';
import { System } from './system.mjs';

const SETTLE_MS = 5_000;

/**
 * What fetcher and projector hold with many tags: the streams read anew from their beginning, as after an upgrade, then
 * one scan of everything.
 * @param {import('./table.mjs').Table} table
 * @param {import('./stores.mjs').Postgres} postgres
 * @param {{ quick: boolean, say: (line: string) => void }} options
 */
export async function benchMemory(table, postgres, { quick, say }) {
  const set = { prefix: 'memory', repositories: quick ? 25 : 5_000, tagsEach: 20 };
  const responder = await Responder.start();
  const { host } = responder;
  const system = await System.start(postgres);
  try {
    await responder.serve(set);
    say(`memory: ${sizeOf(set)} tags go into the streams`);
    await track(system.nc, referencesOf(host, set));
    await recordBaselines(system.nc, referencesOf(host, set));
    const { lastSequence } = await streamState(system.nc, STREAMS.history);
    const watcher = await ProjectionWatcher.start(system);
    say('memory: the services read them');
    await system.startServices(['history-projector', 'registry-fetcher'], { INSECURE_REGISTRIES: host });
    await watcher.history(lastSequence);
    const fetcher = system.service('registry-fetcher');
    const projector = system.service('history-projector');
    const loaded = { fetcher: fetcher.memory.now, projector: projector.memory.now };
    say('memory: everything is scanned once');
    await system.startServices(['scheduler'], { INSECURE_REGISTRIES: host });
    await askForScans(system.nc, host, set);
    await watcher.scans(set.repositories);
    await sleep(quick ? 200 : SETTLE_MS);
    const ends = { fetcher: fetcher.memory, projector: projector.memory };
    table.section(`Memory with ${sizeOf(set).toLocaleString('en')} tags`);
    table.row('fetcher, streams read', loaded.fetcher, 'MB');
    table.row('projector, streams projected', loaded.projector, 'MB');
    table.row('fetcher, after a scan of everything', ends.fetcher.now, 'MB');
    table.row('projector, after a scan of everything', ends.projector.now, 'MB');
    table.row('fetcher + projector, after a scan of everything', ends.fetcher.now + ends.projector.now, 'MB', {
      atMost: 350,
    });
    table.row('fetcher, peak', ends.fetcher.peak, 'MB');
    table.row('projector, peak', ends.projector.peak, 'MB');
    table.row('fetcher + projector, sum of the peaks', ends.fetcher.peak + ends.projector.peak, 'MB', { atMost: 350 });
  } catch (error) {
    throw system.blamed(error);
  } finally {
    await system.stop();
    await responder.stop();
  }
}
