export { startNats, type NatsOptions, type RunningNats } from './nats.ts';
export { startPostgres, type RunningPostgres } from './postgres.ts';
export { startPostgresWithReplica, type RunningReplica } from './postgres-replica.ts';
export {
  startRegistry,
  type ImageOptions,
  type Pushed,
  type RegistryAuth,
  type RegistryServer,
  type RunningRegistry,
} from './registry.ts';
export { buildImage, buildIndex, digestOf, parsePlatform, type Content, type Image, type Platform } from './image.ts';
export { IMAGES, testBackend, type Backend } from './backend.ts';
