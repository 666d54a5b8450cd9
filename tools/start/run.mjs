import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build } from './build.mjs';
import { DataFolder } from './data-folder.mjs';
import { environmentWith, reservePort, setting } from './environment.mjs';
import { say } from './log.mjs';
import { ROOT } from './paths.mjs';
import { allServices } from './services.mjs';
import { Shutdown } from './shutdown.mjs';
import { embeddedStores } from './stores.mjs';
import { watchAndRestart } from './watch.mjs';

/**
 * Builds, starts everything in order, prints the URL, and keeps it running until it is told to stop.
 * @param {{ watch: boolean }} options watch: rebuild and restart on change
 */
export async function run({ watch }) {
  const shutdown = new Shutdown();
  shutdown.listen();
  try {
    await startAll(shutdown, watch);
  } catch (error) {
    if (!shutdown.begun) await shutdown.end(1, error instanceof Error ? error.message : String(error));
  }
}

/** @param {Shutdown} shutdown @param {boolean} watch */
async function startAll(shutdown, watch) {
  say('Building ...');
  const built = await build();
  if (shutdown.begun) return;
  if (!built.ok) throw new Error(`${built.output}\nThe build failed: see above.`);
  say(`Built in ${built.seconds.toFixed(0)} s.`);

  const folder = new DataFolder(setting('DATA_DIR'));
  checkConfiguration();
  const taken = await folder.take();
  if ('busy' in taken) {
    const where = taken.busy.url === '' ? '' : ` and serves ${taken.busy.url}`;
    throw new Error(
      `${folder.path} is in use: process ${taken.busy.start.pid} runs${where}. Stop it, or set DATA_DIR.`,
    );
  }
  shutdown.add(async () => folder.release());
  if (taken.ended.length > 0) say(`Ended what a killed start had left running: ${taken.ended.join(', ')}.`);

  let reserved = await reservePort(folder.portOf('api'));
  const env = await startStores(shutdown, folder);
  if (shutdown.begun) return;

  const services = await allServices(folder, {
    env,
    apiPort: reserved.port,
    portOfApi: async () => {
      await reserved.release();
      // Somebody else may have been quicker between the release and the api's own listening, so this asks again.
      const again = await reservePort(reserved.port);
      await again.release();
      reserved = again;
      return again.port;
    },
  });
  shutdown.add(
    () => Promise.all(services.map((service) => service.stop())),
    () => services.forEach((service) => service.kill()),
  );
  // The api reads the schema that the projector makes; the others need no PostgreSQL.
  const projecting = services.find(({ name }) => name === 'history-projector')?.start();
  await Promise.all(
    services.map(async (service) => {
      if (service.name === 'api') await projecting;
      await (service.name === 'history-projector' ? projecting : service.start());
    }),
  );
  if (shutdown.begun) return;

  const url = `http://localhost:${reserved.port}`;
  folder.rememberPort('api', reserved.port);
  folder.rememberUrl(url);
  if (reserved.port !== 8080 && setting('PORT') === undefined)
    say(`Port 8080 is taken, so this is on ${reserved.port}.`);
  say(`Docker Tag Monitor: ${url}`);
  if (watch) shutdown.add(watchAndRestart(services));
}

/**
 * NATS is started last and stopped first, when the services no longer need either.
 * @param {Shutdown} shutdown
 * @param {DataFolder} folder
 * @returns {Promise<Record<string, string>>} what the services are told of them
 */
async function startStores(shutdown, folder) {
  /** @type {Record<string, string>} */
  const env = {};
  const { postgres, nats } = embeddedStores(folder);
  for (const { store, name } of [
    { store: postgres, name: 'DATABASE_URL' },
    { store: nats, name: 'NATS_URL' },
  ]) {
    if (!store || shutdown.begun) continue;
    shutdown.add(() => store.stop());
    env[name] = await store.start();
  }
  return env;
}

/** Throws with a line for each variable that has a wrong value. */
function checkConfiguration() {
  /** @type {Record<string, string>} */
  const assumed = {};
  if (setting('DATABASE_URL') === undefined) assumed.DATABASE_URL = 'postgresql://embedded/postgres';
  if (setting('NATS_URL') === undefined) assumed.NATS_URL = 'nats://embedded';
  const script = join(ROOT, 'tools', 'start', 'check-config.mjs');
  const result = spawnSync(process.execPath, [script], { env: environmentWith(assumed), encoding: 'utf8' });
  if (result.status !== 0) throw new Error(result.stderr.trim());
}
