/** A content digest `algorithm:encoded` as the OCI image spec defines it, e.g. `sha256:` and 64 lower-case hex digits. */
export type Digest = string & { readonly __brand: 'Digest' };

/** Longest digest accepted: sha512 takes 135 characters, the rest is room for algorithms to come. */
export const DIGEST_MAX_LENGTH = 256;

/** What nearly all digests are: told by one look. */
const SHA256 = /^sha256:[a-f0-9]{64}$/;
const GRAMMAR = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/;
const REGISTERED: ReadonlyMap<string, RegExp> = new Map([
  ['sha256', /^[a-f0-9]{64}$/],
  ['sha384', /^[a-f0-9]{96}$/],
  ['sha512', /^[a-f0-9]{128}$/],
]);

/** Returns the digest, or null where the text is none. Registered algorithms must have their exact length in lower-case hex. */
export function parseDigest(text: string): Digest | null {
  if (SHA256.test(text)) return text as Digest;
  if (text.length > DIGEST_MAX_LENGTH || !GRAMMAR.test(text)) return null;
  const colon = text.indexOf(':');
  const encoding = REGISTERED.get(text.slice(0, colon));
  if (encoding !== undefined && !encoding.test(text.slice(colon + 1))) return null;
  return text as Digest;
}
