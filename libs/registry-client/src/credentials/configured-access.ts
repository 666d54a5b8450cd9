import type { RegistryAccess, RegistryCredentials } from '../registry-access.ts';
import { type DockerConfig, readDockerConfig } from './docker-config.ts';

/** What the configuration itself says of a registry; null where it says nothing. */
export interface ConfiguredRegistry {
  plainHttp: boolean;
  privateAddresses: boolean;
  credentials: RegistryCredentials | null;
  ca: string | null;
}

/** Access of registries as they are configured; credentials that the configuration lacks come from a Docker configuration. */
export class ConfiguredAccess {
  readonly #settingsOf: (registry: string) => ConfiguredRegistry;
  readonly #docker: DockerConfig | null;

  /** `dockerConfig`: path of a Docker `config.json`, or null; throws where that is none, in words for whoever configured it. */
  constructor(settingsOf: (registry: string) => ConfiguredRegistry, dockerConfig: string | null) {
    this.#settingsOf = settingsOf;
    try {
      this.#docker = dockerConfig === null ? null : readDockerConfig(dockerConfig);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`DOCKER_CONFIG_FILE: ${reason}; allowed is the path of a Docker config.json`, { cause: error });
    }
  }

  of(registry: string): RegistryAccess {
    const { plainHttp, privateAddresses, credentials: own, ca } = this.#settingsOf(registry);
    const credentials = own ?? this.#docker?.credentials.get(registry) ?? null;
    return {
      plainHttp,
      privateAddresses,
      ...(credentials === null ? {} : { credentials }),
      ...(ca === null ? {} : { ca }),
    };
  }

  /** What of the Docker configuration is of no use, a sentence each, without secrets; for the log. */
  get complaints(): string[] {
    if (this.#docker === null) return [];
    const { elsewhere, storeOnly, faults } = this.#docker;
    const lacking = elsewhere.filter((registry) => this.#settingsOf(registry).credentials === null);
    return [
      ...lacking.map((registry) => `the credentials of ${registry} ${WITH_A_HELPER}`),
      ...(storeOnly ? [`all credentials ${WITH_A_HELPER}`] : []),
      ...faults.map((fault) => `an entry is left out: ${fault}`),
    ];
  }
}

const WITH_A_HELPER = 'are with a credential helper, which is not run: give them in REGISTRIES_FILE';
