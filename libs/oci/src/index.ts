export { DIGEST_MAX_LENGTH, parseDigest, type Digest } from './digest.ts';
export {
  isIndex,
  MANIFEST_ACCEPT,
  MANIFEST_ACCEPT_VERSION,
  MEDIA_TYPES,
  MEDIA_TYPE_MAX_LENGTH,
  parseMediaType,
} from './media-type.ts';
export {
  InvalidReference,
  isInvalid,
  isTag,
  Reference,
  REFERENCE_MAX_LENGTH,
  RepositoryName,
  REPOSITORY_MAX_LENGTH,
  TAG_MAX_LENGTH,
} from './reference.ts';
export { DOCKER_HUB, parseRegistryHost, printable, REGISTRY_MAX_LENGTH } from './registry-host.ts';
export { isArtifactTag, isDigestLikeTag, isWantedTag } from './tag-kinds.ts';
export { newestFirstKey, sortedNewestFirst } from './tag-order.ts';
