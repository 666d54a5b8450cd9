import { ConfiguredAccess } from '@dtm/registry-client';
import { ConfigError, registrySettings, type Config } from '@dtm/service-host';

/** What the configuration says of registries, as the client takes it. A DOCKER_CONFIG_FILE of no use is a `ConfigError`. */
export function configuredAccess(config: Config): ConfiguredAccess {
  try {
    return new ConfiguredAccess((registry) => registrySettings(config, registry), config.dockerConfigFile);
  } catch (error) {
    throw new ConfigError([error instanceof Error ? error.message : String(error)]);
  }
}
