/** Media types of manifests, by the OCI image spec and Docker's image manifest v2 schema 2. */
export const MEDIA_TYPES = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  dockerManifestList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerManifestV1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
  dockerManifestV1: 'application/vnd.docker.distribution.manifest.v1+json',
} as const;

/**
 * The Accept header of every manifest request. A type that is left out makes a registry answer 404, or convert the
 * manifest and so name another digest: the list is part of what an observation means, and never changes silently.
 */
export const MANIFEST_ACCEPT = [
  MEDIA_TYPES.ociIndex,
  MEDIA_TYPES.dockerManifestList,
  MEDIA_TYPES.ociManifest,
  MEDIA_TYPES.dockerManifest,
  MEDIA_TYPES.dockerManifestV1Signed,
  MEDIA_TYPES.dockerManifestV1,
].join(', ');

/** Goes up with every change of `MANIFEST_ACCEPT`; stored with each scan. */
export const MANIFEST_ACCEPT_VERSION = 1;

/** RFC 6838 bounds type and subtype at 127 characters each. */
export const MEDIA_TYPE_MAX_LENGTH = 255;

const GRAMMAR = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/;

const KNOWN: ReadonlySet<string> = new Set(Object.values(MEDIA_TYPES));

/** The bare media type of a Content-Type value: parameters cut off, lower case; null where it is none. */
export function parseMediaType(contentType: string): string | null {
  if (KNOWN.has(contentType)) return contentType;
  const bare = (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
  return bare.length <= MEDIA_TYPE_MAX_LENGTH && GRAMMAR.test(bare) ? bare : null;
}

/** Whether a manifest of this type lists further manifests (an OCI index or a Docker manifest list). */
export function isIndex(mediaType: string): boolean {
  return mediaType === MEDIA_TYPES.ociIndex || mediaType === MEDIA_TYPES.dockerManifestList;
}
