import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildImage, buildIndex, descriptor, parsePlatform, type Content, type ImageSource } from './image.ts';

const run = promisify(execFile);

/** Copies an image made from `source` to `target` (`host/repository:tag`) with the real skopeo. */
export async function copyWithSkopeo(
  target: string,
  source: ImageSource,
): Promise<{ digest: string; mediaType: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'dtm-oci-'));
  try {
    const top = await writeLayout(folder, source);
    await run('skopeo', [
      '--insecure-policy',
      'copy',
      '--all',
      '--dest-tls-verify=false',
      `oci:${folder}:image`,
      `docker://${target}`,
    ]);
    return { digest: top.digest, mediaType: top.mediaType };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Writes an OCI image layout whose only name is `image`. */
async function writeLayout(folder: string, { seed, platforms, created }: ImageSource): Promise<Content> {
  const images = (platforms ?? ['linux/amd64']).map((platform) => buildImage(seed, parsePlatform(platform), created));
  const [first] = images;
  if (first === undefined) throw new Error('an index needs a platform');
  const top = platforms === undefined ? first.manifest : buildIndex(images);
  const blobs = join(folder, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  for (const content of [top, ...images.flatMap((image) => [image.manifest, ...image.blobs])]) {
    await writeFile(join(blobs, content.digest.slice('sha256:'.length)), content.bytes);
  }
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const named = { ...descriptor(top), annotations: { 'org.opencontainers.image.ref.name': 'image' } };
  await writeFile(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [named] }));
  return top;
}
