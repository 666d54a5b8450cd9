import { type Digest, type Reference, RepositoryName } from '@dtm/oci';
import type { RegistryCredentials } from '../../registry-access.ts';
import { type ManifestFacts, readFacts } from '../../facts/manifest-facts.ts';
import type { CallOptions, RegistryClient } from '../../registry-client.ts';
import { AcrSource } from '../acr/acr-source.ts';
import type { RegistryAdapter } from '../adapter.ts';
import type { BulkSource } from '../bulk/bulk-source.ts';
import { BulkTrust, type TrustOptions } from '../bulk/bulk-trust.ts';
import { VerifiedBulkAdapter } from '../bulk/verified-bulk-adapter.ts';
import { ChainguardAdapter } from '../chainguard/chainguard-adapter.ts';
import { ChainguardHistoryApi } from '../chainguard/chainguard-history.ts';
import { DockerHubApi } from '../docker-hub/docker-hub-api.ts';
import { dockerHubFacts } from '../docker-hub/docker-hub-facts.ts';
import { DockerHubSource } from '../docker-hub/docker-hub-source.ts';
import { listPopular, type PopularImages } from '../docker-hub/popular-images.ts';
import { EcrPublicSource } from '../ecr-public/ecr-public-source.ts';
import { GhcrSource } from '../ghcr/ghcr-source.ts';
import { GoogleSource } from '../google/google-source.ts';
import { HarborSource } from '../harbor/harbor-source.ts';
import { McrSource } from '../mcr/mcr-source.ts';
import { OciAdapter } from '../oci/oci-adapter.ts';
import { QuayApi } from '../quay/quay-api.ts';
import { QuaySource } from '../quay/quay-source.ts';
import { ZotSource } from '../zot/zot-source.ts';
import { LearningAdapter } from './learning-adapter.ts';
import { type AdapterFamily, RegistryFamilies } from './registry-families.ts';

/** Where registries' own APIs lie that are not served by the registries' hosts; for tests. */
export interface ApiHosts {
  dockerHub?: URL;
  ecrPublic?: URL;
  github?: URL;
}

export interface AdapterChooserOptions extends TrustOptions {
  /** Of a registry, by its canonical name. APIs of the same provider get what of it is meant for them. */
  credentialsOf?: (registry: string) => RegistryCredentials | undefined;
  /** Families of registries that are not to be told by host or answers. */
  families?: Readonly<Record<string, AdapterFamily>>;
  /** Whether registries of unknown kind are asked once a day what they are. Default true. */
  learn?: boolean;
  hosts?: ApiHosts;
}

/** What a digest is, and how that is known. */
export interface SourcedFacts extends ManifestFacts {
  source: 'manifest' | 'docker-hub';
}

/** Chooses how a registry is asked: by its host, or by what it shows of itself, which is learned once a day. */
export class AdapterChooser {
  readonly #client: RegistryClient;
  readonly #options: AdapterChooserOptions;
  readonly #credentialsOf: (registry: string) => RegistryCredentials | undefined;
  readonly #families: RegistryFamilies;
  readonly #trust: BulkTrust;
  readonly #oci: OciAdapter;
  readonly #unknown: RegistryAdapter;
  readonly #dockerHub: DockerHubApi;
  readonly #made = new Map<AdapterFamily, RegistryAdapter>();

  constructor(client: RegistryClient, options: AdapterChooserOptions = {}) {
    const {
      credentialsOf = () => undefined,
      families = {},
      learn = true,
      hosts = {},
      now = () => new Date(),
    } = options;
    this.#client = client;
    this.#options = options;
    this.#credentialsOf = credentialsOf;
    this.#families = new RegistryFamilies(client, families, now);
    this.#trust = new BulkTrust(options);
    this.#oci = new OciAdapter(client);
    this.#unknown = learn ? new LearningAdapter(this.#oci, this.#families) : this.#oci;
    this.#dockerHub = new DockerHubApi(client, {
      api: hosts.dockerHub,
      credentials: credentialsOf('docker.io'),
      now,
    });
  }

  adapterFor(name: RepositoryName): RegistryAdapter {
    const family = this.#families.familyOf(name.registry);
    if (family === null) return this.#unknown;
    let adapter = this.#made.get(family);
    if (adapter === undefined) {
      adapter = this.#make(family);
      this.#made.set(family, adapter);
    }
    return adapter;
  }

  /**
   * What a digest is that a tag pointed to: from the manifest itself, by three requests at most; of Docker Hub, where each of
   * them would count as a pull, by one request to its API. Throws `RegistryFailure`; its code is `not-found` where the
   * registry no longer has the digest, or its API names another one for the tag.
   */
  async facts(reference: Reference, digest: Digest, options?: CallOptions): Promise<SourcedFacts> {
    if (this.#families.familyOf(reference.registry) !== 'docker-hub') {
      const name = RepositoryName.of(reference.registry, reference.repository);
      return { source: 'manifest', ...(await readFacts(this.#client, name, digest, options)) };
    }
    return { source: 'docker-hub', ...(await dockerHubFacts(this.#dockerHub, reference, digest, options)) };
  }

  /** Until when a registry is asked tag by tag because its API was found wrong or broken; null: it is believed. */
  switchedUntil(registry: string): Date | null {
    return this.#trust.switchedUntil(registry);
  }

  /** Docker Hub's most pulled official images with their newest tags; what fails is told beside what came. */
  listPopular(count: number, options?: CallOptions): Promise<PopularImages> {
    return listPopular(this.#dockerHub, count, options);
  }

  #make(family: AdapterFamily): RegistryAdapter {
    if (family === 'chainguard') {
      return new ChainguardAdapter(this.#oci, new ChainguardHistoryApi(this.#client), this.#options.now);
    }
    const source = this.#sourceOf(family);
    return source === null ? this.#oci : new VerifiedBulkAdapter(source, this.#oci, this.#trust);
  }

  #sourceOf(family: Exclude<AdapterFamily, 'chainguard'>): BulkSource | null {
    const { hosts = {}, now } = this.#options;
    switch (family) {
      case 'docker-hub':
        return new DockerHubSource(this.#dockerHub);
      case 'quay':
        return new QuaySource(new QuayApi(this.#client, this.#credentialsOf));
      case 'google':
        return new GoogleSource(this.#client);
      case 'mcr':
        return new McrSource(this.#client);
      case 'ecr-public':
        return new EcrPublicSource(this.#client, hosts.ecrPublic);
      case 'harbor':
        return new HarborSource(this.#client);
      case 'acr':
        return new AcrSource(this.#client);
      case 'zot':
        return new ZotSource(this.#client);
      case 'ghcr': {
        const credentials = this.#credentialsOf('ghcr.io');
        if (credentials === undefined || !('username' in credentials)) return null;
        return new GhcrSource(this.#client, { token: credentials.password, api: hosts.github, now });
      }
      case 'oci':
        return null;
    }
  }
}
