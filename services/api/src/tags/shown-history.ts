import type { Config } from '@dtm/service-host';

/** How far back history is shown (IMAGE_UPDATE_MAX_AGE); null: all of it. */
export function shownSince(config: Pick<Config, 'imageUpdateMaxAge'>, now: Date): Date | null {
  return config.imageUpdateMaxAge === null ? null : new Date(now.getTime() - config.imageUpdateMaxAge.ms);
}

/** Tags that were pushed or changed last before it are `inactive` (REFRESH_DIGEST_LAST_PUSHED_CUTOFF). */
export function inactiveBefore(config: Pick<Config, 'refreshDigestLastPushedCutoff'>, now: Date): Date {
  return new Date(now.getTime() - config.refreshDigestLastPushedCutoff.ms);
}
