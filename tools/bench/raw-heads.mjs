// A process of its own, shaped as the fetcher is: one thread, as many connections, as many requests under way. Sends HEADs
// for some seconds by a bare undici pool or by our client, and prints how many were answered.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { MANIFEST_ACCEPT, Reference } from '@dtm/oci';
import { RegistryClient } from '@dtm/registry-client';
import { ROOT } from '../start/paths.mjs';
import { tagsOf } from './manifests.mjs';
import { cpuSecondsOf } from './process-usage.mjs';

/** As services/registry-fetcher: 4 repositories of a registry at once, 16 requests of each, twice as many connections as that. */
const IN_FLIGHT = 64;
const CONNECTIONS = 32;
const WARM_UP_SHARE = 0.3;

/** @type {{ kind: 'bare' | 'client', host: string, set: import('./manifests.mjs').TagSet, seconds: number }} */
const { kind, host, set, seconds } = JSON.parse(process.argv[2] ?? '');
const tags = [...tagsOf(set)];
const { ask, close } = kind === 'bare' ? bare() : client();

let answered = 0;
let asked = 0;
let end = Infinity;
const loops = Array.from({ length: IN_FLIGHT }, async () => {
  while (performance.now() < end) {
    await ask(asked++ % tags.length);
    answered++;
  }
});
await new Promise((resolve) => setTimeout(resolve, seconds * WARM_UP_SHARE * 1000));
const before = { answered, at: performance.now(), cpu: cpuSecondsOf(process.pid) };
end = before.at + seconds * 1000;
await Promise.all(loops);
const took = (performance.now() - before.at) / 1000;
const heads = answered - before.answered;
process.stdout.write(
  JSON.stringify({
    perSecond: heads / took,
    cpuPerThousand: ((cpuSecondsOf(process.pid) - before.cpu) / heads) * 1000,
  }),
);
await close();

/** The client's own undici, with the least that a request needs. */
function bare() {
  const { Pool } = createRequire(join(ROOT, 'libs', 'registry-client', 'package.json'))('undici');
  const pool = new Pool(`http://${host}`, { connections: CONNECTIONS, pipelining: 1 });
  const paths = tags.map(({ repository, tag }) => `/v2/${repository}/manifests/${tag}`);
  return {
    /** @param {number} index @returns {Promise<void>} */
    ask: (index) =>
      new Promise((resolve, reject) => {
        let digest = '';
        pool.dispatch(
          { method: 'HEAD', path: paths[index], headers: ['accept', MANIFEST_ACCEPT], reset: false },
          {
            onRequestStart() {},
            onResponseStart(
              /** @type {unknown} */ _controller,
              /** @type {number} */ status,
              /** @type {any} */ headers,
            ) {
              if (status === 200) digest = String(headers['docker-content-digest']);
            },
            onResponseData() {},
            onResponseEnd: () => (digest === '' ? reject(new Error(`no digest of ${paths[index]}`)) : resolve()),
            onResponseError: (/** @type {unknown} */ _controller, /** @type {Error} */ error) => reject(error),
          },
        );
      }),
    close: () => pool.destroy(),
  };
}

/** Our client, never throttled. */
function client() {
  const registry = new RegistryClient({
    accessOf: () => ({ plainHttp: true, privateAddresses: true }),
    throttle: { acquire: () => null, halt: () => Promise.resolve() },
    retry: { maxOnRateLimit: 0, sleepMs: 1_000, cooldownMs: 1_000 },
    connectionsPerRegistry: CONNECTIONS,
  });
  const references = tags.map(({ repository, tag }) => Reference.of(host, repository, tag));
  return {
    /** @param {number} index */
    async ask(index) {
      const reference = /** @type {Reference} */ (references[index]);
      const { outcome } = await registry.observe(reference);
      if (outcome !== 'present') throw new Error(`${reference.toString()} is ${outcome}`);
    },
    close: () => registry.close(),
  };
}
