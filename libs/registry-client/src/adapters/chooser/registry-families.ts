import type { RepositoryName } from '@dtm/oci';
import { isRegistryFailure } from '../../failure.ts';
import type { RegistryClient } from '../../registry-client.ts';
import { ZOT_SEARCH } from '../zot/zot-source.ts';

/** Kinds of registries that are asked in different ways; `oci` are those without an API of use. */
export type AdapterFamily =
  'oci' | 'docker-hub' | 'quay' | 'google' | 'mcr' | 'ecr-public' | 'harbor' | 'acr' | 'ghcr' | 'chainguard' | 'zot';

const BY_HOST: readonly [RegExp, AdapterFamily][] = [
  [/^docker\.io$/, 'docker-hub'],
  [/^quay\.io$/, 'quay'],
  [/^(?:.+\.)?gcr\.io$|^.+-docker\.pkg\.dev$|^registry\.k8s\.io$/, 'google'],
  [/^mcr\.microsoft\.com$/, 'mcr'],
  [/^public\.ecr\.aws$/, 'ecr-public'],
  [/^.+\.azurecr\.(?:io|us|cn)$/, 'acr'],
  [/^ghcr\.io$/, 'ghcr'],
  [/^cgr\.dev$/, 'chainguard'],
];

const REMEMBERED_MS = 24 * 60 * 60 * 1000;
const MAX_REGISTRIES = 10_000;

/** Knows of registries what kind they are: by their names, or by what they show of themselves, learned once a day. */
export class RegistryFamilies {
  readonly #client: RegistryClient;
  readonly #given: Readonly<Record<string, AdapterFamily>>;
  readonly #now: () => Date;
  readonly #learned = new Map<string, { family: AdapterFamily; until: number }>();
  readonly #learning = new Map<string, Promise<number>>();

  constructor(client: RegistryClient, given: Readonly<Record<string, AdapterFamily>>, now: () => Date) {
    this.#client = client;
    this.#given = given;
    this.#now = now;
  }

  /** Null where it has to be learned. */
  familyOf(registry: string): AdapterFamily | null {
    if (Object.hasOwn(this.#given, registry)) return this.#given[registry] ?? null;
    const byHost = BY_HOST.find(([host]) => host.test(registry));
    if (byHost !== undefined) return byHost[1];
    const learned = this.#learned.get(registry);
    return learned !== undefined && learned.until > this.#now().getTime() ? learned.family : null;
  }

  /** Learns the family of a registry that has answered before; the requests that it took, one at most. */
  async learn(repository: RepositoryName, signal: AbortSignal | undefined): Promise<number> {
    const { registry } = repository;
    // Another scan may have found it out in the meantime.
    if (this.familyOf(registry) !== null) return 0;
    const underWay = this.#learning.get(registry);
    if (underWay !== undefined) {
      await underWay;
      return 0;
    }
    const learning = this.#tell(repository, signal).finally(() => this.#learning.delete(registry));
    this.#learning.set(registry, learning);
    return learning;
  }

  async #tell(repository: RepositoryName, signal: AbortSignal | undefined): Promise<number> {
    const { registry } = repository;
    const shown = this.#byTraits(registry);
    if (shown !== null) {
      this.#remember(registry, shown);
      return 0;
    }
    const { isZot, requests } = await this.#searchesAsZot(repository, signal);
    if (isZot !== null) this.#remember(registry, isZot ? 'zot' : 'oci');
    return requests;
  }

  #byTraits(registry: string): AdapterFamily | null {
    const traits = this.#client.traitsOf(registry);
    if (traits === null) return null;
    if (traits.headers.has('x-jfrog-version')) return 'oci';
    if (traits.headers.has('x-harbor-csrf-token') || traits.challenge?.service === 'harbor-registry') return 'harbor';
    if (traits.challenge === null) return null;
    const realm = URL.parse(traits.challenge.realm);
    const isQuay = realm !== null && realm.host === this.#client.hostOf(registry) && realm.pathname === '/v2/auth';
    // zot with tokens of another service is asked by the plain protocol.
    return isQuay ? 'quay' : 'oci';
  }

  /** Null where it could not be found out. */
  async #searchesAsZot(
    repository: RepositoryName,
    signal: AbortSignal | undefined,
  ): Promise<{ isZot: boolean | null; requests: number }> {
    const query = `{ImageList(repo:"${repository.repository}",requestedPage:{limit:1,offset:0}){Results{RepoName Tag Digest}}}`;
    try {
      return await this.#client.ask(
        repository,
        {
          operation: 'learn the kind of the registry of',
          target: `${ZOT_SEARCH}?${new URLSearchParams({ query }).toString()}`,
          authorization: 'credentials',
          maxBytes: 1024 * 1024,
        },
        (answer) => ({ isZot: answer.status === 200 && isImageList(answer.bytes()), requests: answer.requests }),
        { signal },
      );
    } catch (error) {
      if (!isRegistryFailure(error)) throw error;
      const isDefinite = error.code === 'bad-answer' || error.code === 'not-found' || error.code === 'unauthorized';
      return { isZot: isDefinite ? false : null, requests: error.requests };
    }
  }

  #remember(registry: string, family: AdapterFamily): void {
    if (this.#learned.size >= MAX_REGISTRIES) this.#learned.clear();
    this.#learned.set(registry, { family, until: this.#now().getTime() + REMEMBERED_MS });
  }
}

function isImageList(bytes: Buffer): boolean {
  const text = bytes.toString('utf8');
  return text.startsWith('{') && text.includes('"ImageList"');
}
