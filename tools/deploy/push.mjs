import { createHash } from 'node:crypto';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

/**
 * Pushes a tiny image whose digest depends on `seed`, and answers that digest.
 * @param {string} registry base URL
 * @param {string} repository
 * @param {string} tag
 * @param {string} seed
 */
export async function pushImage(registry, repository, tag, seed) {
  const config = Buffer.from(
    JSON.stringify({
      os: 'linux',
      architecture: 'amd64',
      config: { Labels: { seed } },
      rootfs: { type: 'layers', diff_ids: [] },
    }),
  );
  await pushBlob(registry, repository, config);
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config), size: config.length },
    layers: [],
  });
  const answer = await fetch(`${registry}/v2/${repository}/manifests/${tag}`, {
    method: 'PUT',
    headers: { 'content-type': MANIFEST },
    body: manifest,
  });
  if (!answer.ok) throw new Error(`pushing ${repository}:${tag}: ${answer.status} ${await answer.text()}`);
  return digestOf(Buffer.from(manifest));
}

/** @param {string} registry @param {string} repository @param {Buffer} bytes */
async function pushBlob(registry, repository, bytes) {
  const start = await fetch(`${registry}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
  const place = new URL(start.headers.get('location') ?? '', registry);
  // A registry names itself as it is called from outside, which is another port here.
  const target = new URL(`${place.pathname}${place.search}`, registry);
  target.searchParams.set('digest', digestOf(bytes));
  const answer = await fetch(target, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream' },
    body: new Uint8Array(bytes),
  });
  if (!answer.ok) throw new Error(`pushing a blob to ${repository}: ${answer.status} ${await answer.text()}`);
}

function digestOf(/** @type {Buffer} */ bytes) {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
