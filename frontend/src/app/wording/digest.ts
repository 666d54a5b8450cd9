/** `sha256:4bf0c2e1…9d01a7c3`: both ends, for people compare both. */
export function shortDigest(digest: string, kept = 8): string {
  const colon = digest.indexOf(':');
  const hex = digest.slice(colon + 1);
  if (hex.length <= 2 * kept + 1) return digest;
  return `${digest.slice(0, colon + 1)}${hex.slice(0, kept)}…${hex.slice(-kept)}`;
}
