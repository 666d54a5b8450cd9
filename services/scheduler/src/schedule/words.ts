import type { ScanReason } from '@dtm/events';

const UNITS: readonly [name: string, ms: number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
];

/** "2 hours", "90 minutes", "10 seconds": the largest unit that gives a whole number of at least two, or one exactly. */
export function spanInWords(ms: number): string {
  for (const [name, size] of UNITS) {
    if (ms === size) return `1 ${name}`;
    if (ms >= 2 * size && (ms % size === 0 || ms >= 20 * size)) return `${Math.round(ms / size)} ${name}s`;
  }
  return `${Math.round(ms / 100) / 10} seconds`;
}

/** Why a scan is due, for a person. */
export function reasonInWords(reason: ScanReason, intervalMs: number): string {
  const every = `scanned every ${spanInWords(intervalMs)}`;
  switch (reason) {
    case 'new-tag':
      return 'due now, as the tag is new';
    case 'person':
      return 'due now, as somebody asked for it';
    case 'sibling-changed':
      return 'due now, as another tag of the repository has changed';
    case 'catch-up':
      return `${every}; overdue, as it could not be scanned in time`;
    case 'interval':
      return every;
  }
}
