import type { OnProgress } from '../recovery/refused.ts';

const EVERY_MS = 2_000;

/** Tells on standard error how far a command is: now and then, so that logs stay short. */
export function progressLines(): OnProgress {
  let toldAt = Date.now();
  return (what, done, all) => {
    if (Date.now() - toldAt < EVERY_MS) return;
    toldAt = Date.now();
    const share = all === 0 ? 100 : Math.floor((done / all) * 100);
    process.stderr.write(`${share} % (${what}: ${done} of ${all})\n`);
  };
}
