const ARTIFACT_TAG = /^(?:sha256|sha384|sha512)-[a-f0-9]{64,}/;
const SIGNATURE_SUFFIX = /\.(?:sig|att|sbom)$/;
const LONG_RUN = /[A-Za-z0-9]{32,}/;

/** Whether a tag holds a signature, an attestation or another artifact attached to an image, not an image of its own. */
export function isArtifactTag(tag: string): boolean {
  return ARTIFACT_TAG.test(tag) || SIGNATURE_SUFFIX.test(tag);
}

/** Whether a tag names one build for ever (a digest or a git SHA): a run of 32 or more letters and digits, as in the original. */
export function isDigestLikeTag(tag: string): boolean {
  return LONG_RUN.test(tag);
}

/** Whether a tag may be tracked without a person asking for it. */
export function isWantedTag(tag: string): boolean {
  return !isArtifactTag(tag) && !isDigestLikeTag(tag);
}
