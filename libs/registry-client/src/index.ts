export {
  type PushedObservation,
  type RegistryAdapter,
  requestsOf,
  type ScanRequest,
  type ScanSummary,
  type TagAnswer,
} from './adapters/adapter.ts';
export type { TrustOptions } from './adapters/bulk/bulk-trust.ts';
export {
  chainguardHistory,
  ChainguardHistoryApi,
  type ChainguardMove,
} from './adapters/chainguard/chainguard-history.ts';
export {
  AdapterChooser,
  type AdapterChooserOptions,
  type ApiHosts,
  type SourcedFacts,
} from './adapters/chooser/adapter-chooser.ts';
export type { AdapterFamily } from './adapters/chooser/registry-families.ts';
export type { PopularImage, PopularImages } from './adapters/docker-hub/popular-images.ts';
export type { HistoryRow } from './adapters/history-row.ts';
export { OciAdapter } from './adapters/oci/oci-adapter.ts';
export { QuayApi } from './adapters/quay/quay-api.ts';
export { quayTagHistory } from './adapters/quay/quay-history.ts';
export { ApiAnswer, type ApiQuestion, type ApiSubject } from './api-question.ts';
export { ConfiguredAccess, type ConfiguredRegistry } from './credentials/configured-access.ts';
export { type DockerConfig, parseDockerConfig, readDockerConfig } from './credentials/docker-config.ts';
export { type ManifestFacts, type PlatformFacts, readFacts } from './facts/manifest-facts.ts';
export { type FailureCode, isRegistryFailure, RegistryFailure, type FailureDetail } from './failure.ts';
export { DEFAULT_LIMITS, type Limits } from './limits.ts';
export { LocalThrottle } from './local-throttle.ts';
export type { VerifiedManifest } from './manifest.ts';
export type { RegistryAccess, RegistryAccessOf, RegistryCredentials } from './registry-access.ts';
export {
  type CallOptions,
  type ManifestAnswer,
  type Observation,
  RegistryClient,
  type RegistryClientOptions,
  type TagList,
} from './registry-client.ts';
export type { Throttle } from './throttle.ts';
export type { RateLimitRetry, RequestInfo, RequestPurpose } from './transport/delivery.ts';
export { knownRequestsPerSecond } from './transport/known-paces.ts';
