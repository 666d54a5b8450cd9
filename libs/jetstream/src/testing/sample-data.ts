import { createHash } from 'node:crypto';
import type { DigestObserved, ManifestDescribed, ScanRequest } from '@dtm/events';
import { Reference } from '@dtm/oci';

/** For specs: the digest of a text. */
export function sampleDigest(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

/** For specs: the reference behind a text; throws where it is none. */
export function reference(text: string): Reference {
  const parsed = Reference.parse(text);
  if (!(parsed instanceof Reference)) throw new Error(`${text}: ${parsed.reason}`);
  return parsed;
}

/** For specs: a baseline of a tag, or what follows where `previous` is given. */
export function observed(text: string, digest: string, more: Partial<DigestObserved> = {}): DigestObserved {
  const { registry, repository, tag } = reference(text);
  return {
    registry,
    repository,
    tag,
    digest: sampleDigest(digest),
    mediaType: 'application/vnd.oci.image.index.v1+json',
    observedAt: '2026-11-22T12:00:00.000Z',
    source: 'head',
    previous: null,
    ...more,
  };
}

/** For specs: what the digest of a text is, as the repository of a reference showed it. */
export function described(text: string, digest: string, more: Partial<ManifestDescribed> = {}): ManifestDescribed {
  const { registry, repository } = reference(text);
  return {
    registry,
    repository,
    digest: sampleDigest(digest),
    mediaType: 'application/vnd.oci.image.index.v1+json',
    size: 1000,
    platforms: [{ os: 'linux', architecture: 'amd64' }],
    createdAt: '2026-11-22T10:00:00.000Z',
    describedAt: '2026-11-22T12:00:01.000Z',
    source: 'manifest',
    ...more,
  };
}

/** For specs: a request to scan a repository. */
export function scanRequest(text: string): ScanRequest {
  const { registry, repository } = reference(text);
  return { registry, repository, requestedAt: '2026-11-22T12:00:00.000Z', reason: 'interval', intervalSeconds: 7200 };
}

/** For specs: resolves when the condition holds; Jest's own timeout ends the wait. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}
