export {
  ConfigError,
  loadConfig,
  registrySettings,
  SERVICES,
  type Config,
  type ConfigOf,
  type DatabaseConfig,
  type ServiceName,
} from './config/config.ts';
export { parseDuration, type Duration } from './config/duration.ts';
export { type RegistryCredentials, type RegistryEntry, type RegistrySettings } from './config/registries.ts';
export { CONFIG_VARIABLES } from './config/variables.ts';
export { Metrics } from './health/metrics.ts';
export { Readiness, type Necessity, type ReadinessCheck, type ReadinessReport } from './health/readiness.ts';
export { isProbe } from './http/probes.ts';
export { CONFIG, HostModule } from './run/host-module.ts';
export { runService, type ServiceDefinition } from './run/run-service.ts';
export { VERSION } from './run/version.ts';
