import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks per second in /proc; Linux has shown 100 to every program for decades. */
const TICKS_PER_SECOND = 100;

/** CPU seconds that a process has used in all its threads. @param {number} pid */
export function cpuSecondsOf(pid) {
  const { utime, stime } = statOf(pid);
  return (utime + stime) / TICKS_PER_SECOND;
}

/** CPU seconds of a process and its children, those that ended included (PostgreSQL: one child per connection). @param {number} pid */
export function cpuSecondsOfTree(pid) {
  const own = statOf(pid);
  let ticks = own.utime + own.stime + own.cutime + own.cstime;
  for (const entry of readdirSync('/proc')) {
    const child = Number(entry);
    if (!Number.isInteger(child)) continue;
    try {
      const { ppid, utime, stime } = statOf(child);
      if (ppid === pid) ticks += utime + stime;
    } catch {
      // It ended while this looked; its time is the parent's now.
    }
  }
  return ticks / TICKS_PER_SECOND;
}

/** Resident memory in MB, at present and at its highest. @param {number} pid @returns {{ now: number, peak: number }} */
export function memoryOf(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const megabytes = (/** @type {string} */ name) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
  return { now: megabytes('VmRSS'), peak: megabytes('VmHWM') };
}

/** @param {number} pid */
function statOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the program's name in parentheses, which may contain spaces.
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [ppid = NaN] = fields.slice(1);
  const [utime = NaN, stime = NaN, cutime = NaN, cstime = NaN] = fields.slice(11);
  return { ppid, utime, stime, cutime, cstime };
}
