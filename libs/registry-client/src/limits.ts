/** What an answer of JSON may be at most. */
export interface JsonLimit {
  /** After decompression. */
  bytes: number;
  /** Each value costs memory and time, however short it is written: 16 MiB of empty arrays become 300 MB. */
  values: number;
}

/** What a registry may cost at most. A hostile or broken one must hold up nothing but its own scans. */
export interface Limits {
  /** Milliseconds until a connection stands, name resolution and TLS included. */
  connectMs: number;
  /** Milliseconds of network time of one operation, tokens and redirects included; waiting for the throttle is not counted. */
  operationMs: number;
  /** Milliseconds of network time of a listing of all pages; each page is bound by `operationMs` too. */
  listingMs: number;
  /** Bytes of an answer's headers. */
  headerBytes: number;
  manifestBytes: number;
  /** Of a listing of tags: the bytes of all its pages together, and the values of each. */
  tagList: JsonLimit;
  /** Of one answer of a registry's own API, a page of rows. */
  apiPage: JsonLimit;
  /** Of a list that holds all that is known of a repository in one answer; for hosts that are known by name. */
  wholeList: JsonLimit;
  tokenBytes: number;
  /** Redirects that one request follows. */
  redirects: number;
  /** Pages of one tag listing. */
  pages: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_LIMITS: Readonly<Limits> = {
  connectMs: 10_000,
  operationMs: 30_000,
  listingMs: 120_000,
  headerBytes: 32 * 1024,
  manifestBytes: 4 * MIB,
  // Twice the names that are kept of a repository; where they are longer than 40 letters each, fewer.
  tagList: { bytes: 16 * MIB, values: 400_000 },
  // A hundred artifacts of Harbor, or a thousand tags of ECR Public, take a megabyte and 50,000 values.
  apiPage: { bytes: 8 * MIB, values: 250_000 },
  // Google names each manifest, tagged or not, by 280 bytes and 8 values: these are some 110,000 of them.
  wholeList: { bytes: 32 * MIB, values: 1_000_000 },
  tokenBytes: 64 * 1024,
  redirects: 5,
  pages: 1000,
};
