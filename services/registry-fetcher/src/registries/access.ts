import type { RegistryAccess } from '@dtm/registry-client';
import { registrySettings, type Config } from '@dtm/service-host';

/** What the configuration says of a registry, as the client takes it. */
export function accessOf(config: Config, registry: string): RegistryAccess {
  const { plainHttp, privateAddresses, credentials, ca } = registrySettings(config, registry);
  return {
    plainHttp,
    privateAddresses,
    ...(credentials === null ? {} : { credentials }),
    ...(ca === null ? {} : { ca }),
  };
}
