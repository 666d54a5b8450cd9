import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

/** A blob or manifest with what names it. */
export interface Content {
  readonly mediaType: string;
  readonly digest: string;
  readonly bytes: Buffer;
}

/** One image: its manifest and the blobs that it names. */
export interface Image {
  readonly manifest: Content;
  readonly blobs: readonly Content[];
  readonly platform: Platform;
}

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** What an image is made of; `platforms` absent: one image, no index. */
export interface ImageSource {
  readonly seed: string;
  readonly platforms: readonly string[] | undefined;
  readonly created: string | undefined;
}

export const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const INDEX = 'application/vnd.oci.image.index.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';

/** Reads `linux/arm64/v8`. */
export function parsePlatform(text: string): Platform {
  const [os = 'linux', architecture = 'amd64', variant] = text.split('/');
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/** A whole, tiny image whose digest depends on `seed`, platform and `created` (RFC 3339; absent: it does not say) alone. */
export function buildImage(
  seed: string,
  platform: Platform = parsePlatform('linux/amd64'),
  created?: string | undefined,
): Image {
  const tar = tarOf('content', Buffer.from(seed));
  const layer = content(LAYER, gzipSync(tar));
  const config = jsonContent(CONFIG, {
    ...(created === undefined ? {} : { created }),
    ...platform,
    config: { Labels: { seed } },
    rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
  });
  const manifest = jsonContent(MANIFEST, {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: descriptor(config),
    layers: [descriptor(layer)],
  });
  return { manifest, blobs: [config, layer], platform };
}

/** An index over images. */
export function buildIndex(images: readonly Image[]): Content {
  return jsonContent(INDEX, {
    schemaVersion: 2,
    mediaType: INDEX,
    manifests: images.map(({ manifest, platform }) => ({ ...descriptor(manifest), platform })),
  });
}

/** `sha256:<hex>` of the bytes. */
export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** How a manifest names another piece of content. */
export function descriptor({ mediaType, digest, bytes }: Content) {
  return { mediaType, digest, size: bytes.length };
}

function content(mediaType: string, bytes: Buffer): Content {
  return { mediaType, digest: digestOf(bytes), bytes };
}

function jsonContent(mediaType: string, value: unknown): Content {
  return content(mediaType, Buffer.from(JSON.stringify(value)));
}

/** A tar archive with one file: a header of 512 bytes, the padded content, two empty blocks. */
function tarOf(name: string, data: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${data.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const padding = Buffer.alloc((512 - (data.length % 512)) % 512);
  return Buffer.concat([header, data, padding, Buffer.alloc(1024)]);
}
