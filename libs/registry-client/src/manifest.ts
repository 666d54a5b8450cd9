import { createHash } from 'node:crypto';
import { type Digest, MEDIA_TYPES, parseDigest, parseMediaType, printable } from '@dtm/oci';
import { z } from 'zod';
import { Trouble } from './failure.ts';
import { boundedJson } from './transport/bounded-json.ts';
import { type Answer, single } from './transport/exchange.ts';

/** Algorithms of the OCI image spec whose digests can be checked here. */
const HASHES: ReadonlySet<string> = new Set(['sha256', 'sha384', 'sha512']);

/** An index of a thousand platforms has a tenth of them. */
const MAX_VALUES = 100_000;

const shape = z.looseObject({
  schemaVersion: z.union([z.literal(1), z.literal(2)]).optional(),
  mediaType: z.string().optional(),
  manifests: z.array(z.unknown()).optional(),
  config: z.unknown().optional(),
});

/** A manifest as it came, its digest checked against its bytes. */
export interface VerifiedManifest {
  digest: Digest;
  mediaType: string;
  /** The bytes that the digest is of. */
  bytes: Buffer;
  /** The manifest, parsed; nothing of it is checked but that it is an object that looks like a manifest. */
  content: Readonly<Record<string, unknown>>;
}

/** The digest and media type that an answer's headers name, null where one is missing, malformed or no manifest's. */
export function manifestHeaders(answer: Pick<Answer, 'headers'>): { digest: Digest; mediaType: string } | null {
  const named = answer.headers['docker-content-digest'];
  const type = answer.headers['content-type'];
  if (typeof named !== 'string' || typeof type !== 'string') return null;
  const digest = parseDigest(named);
  const mediaType = parseMediaType(type);
  return digest === null || mediaType === null || !isManifestType(mediaType) ? null : { digest, mediaType };
}

/** Checks the answer to a manifest's GET; `expected` is the digest that it was asked by. Throws `Trouble` of code `bad-answer`. */
export function verifyManifest(answer: Answer, expected: Digest | null): VerifiedManifest {
  const encoding = single(answer.headers['content-encoding'])?.toLowerCase() ?? 'identity';
  if (encoding !== 'identity') {
    throw new Trouble('bad-answer', `the registry sent the manifest encoded as "${printable(encoding)}"`);
  }
  const content = parseContent(answer.body);
  const header = single(answer.headers['content-type']);
  const named = header === undefined ? null : parseMediaType(header);
  const mediaType = named !== null && isManifestType(named) ? named : typeByContent(content);
  const digest = digestOf(answer, mediaType);
  if (expected !== null && digest !== expected && hashOf(expected, answer.body) !== expected) {
    throw new Trouble('bad-answer', `the registry sent another manifest than the one with digest ${expected}`);
  }
  return { digest: expected ?? digest, mediaType, bytes: answer.body, content };
}

function digestOf(answer: Answer, mediaType: string): Digest {
  const named = parseDigest(single(answer.headers['docker-content-digest']) ?? '');
  if (mediaType === MEDIA_TYPES.dockerManifestV1Signed) {
    // Its digest leaves out the signatures that the body carries.
    if (named !== null) return named;
    throw new Trouble('bad-answer', 'the registry names no digest of a signed manifest, which cannot be computed');
  }
  if (named === null) return sha256(answer.body);
  const computed = hashOf(named, answer.body);
  if (computed === null)
    throw new Trouble('bad-answer', `the registry names a digest of unknown kind, ${printable(named)}`);
  if (computed !== named) {
    throw new Trouble('bad-answer', `the registry names digest ${named}, but the manifest it sent has ${computed}`);
  }
  return named;
}

function hashOf(digest: Digest, bytes: Buffer): Digest | null {
  const algorithm = digest.slice(0, digest.indexOf(':'));
  if (!HASHES.has(algorithm)) return null;
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as Digest;
}

function sha256(bytes: Buffer): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;
}

function parseContent(bytes: Buffer): z.infer<typeof shape> {
  let json: unknown;
  try {
    json = boundedJson(bytes, MAX_VALUES, 'the manifest');
  } catch (error) {
    if (error instanceof Trouble) throw error;
    throw new Trouble('bad-answer', 'the registry answered something that is no manifest (not JSON)');
  }
  const parsed = shape.safeParse(json);
  if (!parsed.success || (parsed.data.schemaVersion === undefined && parsed.data.mediaType === undefined)) {
    throw new Trouble('bad-answer', 'the registry answered JSON that is no manifest');
  }
  return parsed.data;
}

function typeByContent(content: z.infer<typeof shape>): string {
  const own = content.mediaType === undefined ? null : parseMediaType(content.mediaType);
  if (own !== null && isManifestType(own)) return own;
  if (content.schemaVersion === 1)
    return 'signatures' in content ? MEDIA_TYPES.dockerManifestV1Signed : MEDIA_TYPES.dockerManifestV1;
  if (content.manifests !== undefined) return MEDIA_TYPES.ociIndex;
  if (content.config !== undefined) return MEDIA_TYPES.ociManifest;
  throw new Trouble('bad-answer', 'the registry answered JSON that is no manifest');
}

/** Manifests of artifacts may be of any application type; plain JSON and HTML say that it is not known. */
function isManifestType(mediaType: string): boolean {
  return (
    mediaType.startsWith('application/') &&
    mediaType !== 'application/json' &&
    mediaType !== 'application/octet-stream' &&
    mediaType !== 'application/xhtml+xml' &&
    mediaType !== 'application/problem+json'
  );
}
