import type { Config } from '@dtm/service-host';
import type { Cadence } from './next-scan.ts';

/** Injects the `Cadence`. */
export const CADENCE = Symbol('Cadence');

const DAY_MS = 86_400_000;

/** Quiet tags hardly ever change, but "never" is wrong: they are looked at once a week, or once an interval that is longer. */
export function cadenceOf(config: Pick<Config, 'scrapeInterval' | 'refreshDigestLastPushedCutoff'>): Cadence {
  const intervalMs = config.scrapeInterval.ms;
  return {
    intervalMs,
    rareIntervalMs: Math.max(7 * DAY_MS, intervalMs),
    quietAfterMs: config.refreshDigestLastPushedCutoff.ms,
  };
}
