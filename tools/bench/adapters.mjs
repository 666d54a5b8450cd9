import { RepositoryName } from '@dtm/oci';
import { AdapterChooser, RegistryClient } from '@dtm/registry-client';
import { inParallel } from './fill.mjs';
import { APIS } from './scripted-apis.mjs';
import { ScriptedRegistry } from './scripted-registry.mjs';
import { ScriptedTags } from './scripted-tags.mjs';

/**
 * A registry as it is scanned.
 * @typedef {{ label: string, family: import('@dtm/registry-client').AdapterFamily, api: import('./scripted-apis.mjs').Api | null,
 *   wantsTokens: boolean, perTag?: boolean, account?: boolean, goal?: import('./table.mjs').Goal }} Scanned
 * perTag: asked tag by tag, so that a tenth of the repositories tells as much
 */

/** The original asks once for each tag, at least. */
const GOAL = { atMost: 0.03 };
const INTERVAL_MS = 2 * 60 * 60 * 1000;
const CHANGED = 0.01;
const SCANS_MEASURED = 2;
const REPOSITORIES_AT_ONCE = 8;
const REQUESTS_AT_ONCE = 16;

/** @type {Scanned[]} */
const SCANNED = [
  { label: 'Docker Hub', family: 'docker-hub', api: APIS.dockerHub, wantsTokens: true, goal: GOAL },
  { label: 'Quay', family: 'quay', api: APIS.quay, wantsTokens: true, goal: GOAL },
  { label: 'Google Artifact Registry', family: 'google', api: APIS.google, wantsTokens: false, goal: GOAL },
  { label: 'Amazon ECR Public', family: 'ecr-public', api: APIS.ecrPublic, wantsTokens: true },
  { label: 'Microsoft (MCR)', family: 'mcr', api: APIS.mcr, wantsTokens: false },
  { label: 'Harbor', family: 'harbor', api: APIS.harbor, wantsTokens: true },
  { label: 'Azure (ACR)', family: 'acr', api: APIS.acr, wantsTokens: true },
  { label: 'zot', family: 'zot', api: APIS.zot, wantsTokens: false },
  { label: 'GitHub (GHCR), with a token', family: 'ghcr', api: APIS.github, wantsTokens: true, account: true },
  { label: 'GitHub (GHCR), without', family: 'ghcr', api: null, wantsTokens: true, perTag: true },
  { label: 'Chainguard', family: 'chainguard', api: APIS.chainguard, wantsTokens: true, perTag: true },
  { label: 'plain OCI', family: 'oci', api: null, wantsTokens: false, perTag: true },
];

/**
 * What a scan asks of each kind of registry once everything is known: lists, confirmation of what changed, samples and tokens.
 * @param {import('./table.mjs').Table} table
 * @param {import('./stores.mjs').Postgres} _postgres
 * @param {{ quick: boolean, say: (line: string) => void }} options
 */
export async function benchAdapters(table, _postgres, { quick, say }) {
  const size = quick ? { repositories: 10, tagsEach: 20 } : { repositories: 200, tagsEach: 100 };
  table.section(
    `Requests per observation: ${size.repositories} repositories of ${size.tagsEach} tags, 1 % changed per scan`,
  );
  for (const scanned of SCANNED) {
    const repositories = scanned.perTag ? Math.ceil(size.repositories / 10) : size.repositories;
    say(`adapters: ${scanned.label}, ${repositories} repositories`);
    const { observations, counts } = await measure(scanned, { prefix: 'asked', ...size, repositories });
    const { list, head, token, refused } = counts;
    table.row(scanned.label, (list + head + token + refused) / observations, '', scanned.goal);
    const each = (/** @type {number} */ count) => Math.round(count / SCANS_MEASURED);
    table.note(
      `${scanned.label}: a scan of ${observations / SCANS_MEASURED} tags asks its API ${each(list)} times, HEAD ${each(head)}, tokens ${each(token)}${refused > 0 ? `, and ${refused} requests in all found out that a token is wanted` : ''}`,
    );
  }
}

/** @param {Scanned} scanned @param {import('./manifests.mjs').TagSet} set */
async function measure(scanned, set) {
  const tags = new ScriptedTags(set);
  const registry = await ScriptedRegistry.start(tags, scanned);
  const { host } = registry;
  const now = () => tags.now;
  const client = new RegistryClient({
    accessOf: () => ({ plainHttp: true, privateAddresses: true }),
    throttle: { acquire: () => Promise.resolve(), halt: () => Promise.reject(new Error(`${host} was halted`)) },
    retry: { maxOnRateLimit: 0, sleepMs: 0, cooldownMs: 0 },
    now,
  });
  const api = new URL(`http://${host}`);
  const chooser = new AdapterChooser(client, {
    families: { [host]: scanned.family },
    hosts: { dockerHub: api, ecrPublic: api, github: api },
    credentialsOf: () => (scanned.account ? { username: 'bench', password: 'bench' } : undefined),
    now,
    random: () => tags.random(),
    onSwitch: (name, _until, reason) => {
      throw new Error(`${scanned.label}: the API of ${name} is no longer believed: ${reason}`);
    },
  });
  const scans = new Scans(chooser, host, tags);
  try {
    await scans.all(true);
    registry.take();
    const counts = { list: 0, head: 0, token: 0, refused: 0 };
    for (let scan = 1; scan <= SCANS_MEASURED; scan++) {
      tags.pass(INTERVAL_MS, CHANGED);
      await scans.all(false);
      const taken = registry.take();
      for (const kind of /** @type {(keyof typeof counts)[]} */ (Object.keys(counts))) counts[kind] += taken[kind];
    }
    return { observations: tags.size * SCANS_MEASURED, counts };
  } finally {
    await client.close();
    await registry.stop();
  }
}

/** Scans everything again and again, as the fetcher does: each with what the record holds and what the last one left. */
class Scans {
  #chooser;
  #host;
  #tags;
  /** The digest of each tag: everything was recorded before the first scan. */
  #recorded = /** @type {Map<string, Map<string, string>>} */ (new Map());
  #cursors = /** @type {Map<string, string | undefined>} */ (new Map());

  /** @param {AdapterChooser} chooser @param {string} host @param {ScriptedTags} tags */
  constructor(chooser, host, tags) {
    this.#chooser = chooser;
    this.#host = host;
    this.#tags = tags;
    for (const [repository, known] of tags.repositories) {
      this.#recorded.set(repository, new Map(known.map(({ name, digest }) => [name, digest])));
    }
  }

  /** @param {boolean} full whether nothing is believed to be unchanged, as once a day */
  async all(full) {
    await inParallel(this.#tags.repositories.keys(), REPOSITORIES_AT_ONCE, (repository) => this.#one(repository, full));
    for (const [repository, tags] of this.#tags.repositories) {
      const wrong = tags.find(({ name, digest }) => this.#recorded.get(repository)?.get(name) !== digest);
      if (wrong !== undefined) throw new Error(`The scan missed that ${repository}:${wrong.name} had changed.`);
    }
  }

  /** @param {string} repository @param {boolean} full */
  async #one(repository, full) {
    const name = RepositoryName.of(this.#host, repository);
    const recorded = this.#recorded.get(repository) ?? new Map();
    const scan = this.#chooser.adapterFor(name).scan(name, {
      tags: [...recorded.keys()],
      concurrency: REQUESTS_AT_ONCE,
      known: (tag) => recorded.get(tag) ?? null,
      cursor: full ? undefined : this.#cursors.get(repository),
      full,
    });
    for (;;) {
      const next = await scan.next();
      if (next.done === true) {
        this.#cursors.set(repository, next.value.cursor);
        return;
      }
      if (next.value.outcome === 'failed') throw next.value.failure;
      if (next.value.outcome === 'agreed') continue;
      const { observation } = next.value;
      if (observation.outcome === 'absent') throw new Error(`${name.toString()}:${next.value.tag} is said to be gone.`);
      recorded.set(next.value.tag, observation.digest);
    }
  }
}
