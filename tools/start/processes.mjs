import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** @typedef {import('./data-folder.mjs').RecordedProcess} RecordedProcess */

/**
 * Who a process is: a number alone may belong to somebody else by the time it is read again.
 * @param {number} pid @param {string} name
 * @returns {RecordedProcess}
 */
export function identityOf(pid, name) {
  return { pid, startedAt: startTimeOf(pid) ?? '', name };
}

/** Whether that very process still runs. @param {RecordedProcess} recorded */
export function isAlive(recorded) {
  // Without /proc nothing proves that a number is still the same process, and nobody else's may be ended.
  return recorded.startedAt !== '' && startTimeOf(recorded.pid) === recorded.startedAt;
}

/** Asks it to end, insists after 5 s. @param {RecordedProcess} recorded */
export async function endProcess(recorded) {
  for (const [signal, patienceMs] of /** @type {const} */ ([
    [recorded.name === 'postgres' ? 'SIGINT' : 'SIGTERM', 5_000],
    ['SIGKILL', 5_000],
  ])) {
    if (!isAlive(recorded)) return;
    try {
      process.kill(recorded.pid, signal);
    } catch {
      return;
    }
    for (let waited = 0; waited < patienceMs && isAlive(recorded); waited += 50) await sleep(50);
  }
}

/**
 * Boot and start time of a process, undefined where there is no such process (or it is a zombie, or there is no /proc).
 * @param {number} pid
 */
function startTimeOf(pid) {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses, which may contain spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : `${boot}/${fields[19]}`;
  } catch {
    return undefined;
  }
}
