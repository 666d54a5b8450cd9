export type { RegistryAdapter, ScanRequest, TagAnswer } from './adapters/adapter.ts';
export { OciAdapter } from './adapters/oci/oci-adapter.ts';
export { type FailureCode, isRegistryFailure, RegistryFailure, type FailureDetail } from './failure.ts';
export { DEFAULT_LIMITS, type Limits } from './limits.ts';
export { LocalThrottle } from './local-throttle.ts';
export type { VerifiedManifest } from './manifest.ts';
export type { RegistryAccess, RegistryAccessOf } from './registry-access.ts';
export {
  type CallOptions,
  type ManifestAnswer,
  type Observation,
  RegistryClient,
  type RegistryClientOptions,
  type TagList,
} from './registry-client.ts';
export type { Throttle } from './throttle.ts';
export type { RateLimitRetry, RequestInfo } from './transport/delivery.ts';
