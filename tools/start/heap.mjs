/**
 * What a service is given where the user has set no NODE_OPTIONS. Without a bound, V8 lets garbage grow to four times what
 * lives, and a fetcher of 100,000 tags takes 660 MB instead of 200; the bound holds for some 400,000 tags, docs/scaling.md
 * says what more takes. The images set the same (infra/Dockerfile).
 */
export const SERVICE_NODE_OPTIONS = '--max-old-space-size=512 --max-semi-space-size=4';

/**
 * MALLOC_ARENA_MAX, unless the user has set it: by default glibc gives each thread memory of its own, which none of the others
 * uses when that thread is done. Two for all save some 10 MB a service, and cost no time. The images set the same.
 */
export const SERVICE_ARENAS = '2';
