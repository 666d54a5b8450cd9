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
  /** Bytes of a whole tag listing, after decompression. */
  tagListBytes: number;
  tokenBytes: number;
  /** Redirects that one request follows. */
  redirects: number;
  /** Pages of one tag listing. */
  pages: number;
}

export const DEFAULT_LIMITS: Readonly<Limits> = {
  connectMs: 10_000,
  operationMs: 30_000,
  listingMs: 120_000,
  headerBytes: 32 * 1024,
  manifestBytes: 4 * 1024 * 1024,
  tagListBytes: 64 * 1024 * 1024,
  tokenBytes: 64 * 1024,
  redirects: 5,
  pages: 1000,
};
