import { defineEntity, p } from '@mikro-orm/core';
import { instant, name } from './columns.ts';

/** A platform that an image is made for. */
export interface ManifestPlatform {
  os: string;
  architecture: string;
  variant?: string | undefined;
  /** Of the platform's own manifest; absent where it is the described one. */
  digest?: string | undefined;
  /** Bytes to download, compressed; absent where not known. */
  size?: number | undefined;
}

/** What a digest is, in whichever repository it lies. */
export const Manifest = defineEntity({
  name: 'Manifest',
  tableName: 'manifest',
  schema: '*',
  properties: {
    digest: name().primary(),
    /** Empty where not told. */
    mediaType: p.text(),
    /** Bytes to download for one platform, compressed; null where not known. */
    size: p.bigint('number').strictNullable(),
    platforms: p.json<ManifestPlatform[]>(),
    /** When the image says that it was built; null where it does not. */
    createdAt: instant().strictNullable(),
  },
});

/** One row for every message of MANIFESTS, unreadable ones included: the copy that a lost stream is refilled from. */
export const ManifestEvent = defineEntity({
  name: 'ManifestEvent',
  tableName: 'manifest_event',
  schema: '*',
  properties: {
    /** In the stream MANIFESTS. */
    sequence: p.bigint('number').primary().autoincrement(false),
    subject: p.text(),
    /** The exact stored bytes. */
    event: p.blob(),
  },
});
