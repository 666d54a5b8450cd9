import { spawn } from 'node:child_process';

// A child of a process that is killed with SIGKILL lives on. One shell per parent reads the parent's instructions from a
// pipe; the kernel closes that pipe however the parent ends, and the shell then ends what is still on its list.
const SCRIPT = `
trap '' INT TERM HUP
list=''
while read -r verb pid signal; do
  case $verb in
    add) list="$list $pid:$signal" ;;
    remove) kept=''; for entry in $list; do [ "\${entry%%:*}" = "$pid" ] || kept="$kept $entry"; done; list=$kept ;;
  esac
done
[ -n "$list" ] || exit 0
for entry in $list; do kill -"\${entry#*:}" "\${entry%%:*}" 2>/dev/null; done
rounds=0
while [ $rounds -lt 50 ]; do
  alive=''
  for entry in $list; do kill -0 "\${entry%%:*}" 2>/dev/null && alive=yes; done
  [ -n "$alive" ] || exit 0
  sleep 0.1; rounds=$((rounds + 1))
done
for entry in $list; do kill -KILL "\${entry%%:*}" 2>/dev/null; done
`;

/** @type {{ process: import('node:child_process').ChildProcess, pids: Set<number> } | undefined} */
let watchdog;

/**
 * Has `pid` ended when this process ends for whatever reason, SIGKILL included.
 * @param {number} pid
 * @param {NodeJS.Signals} signal the polite signal; SIGKILL follows after 5 seconds
 * @returns {() => void} to be called once the child is gone, so that a reused pid is never hit
 */
export function endWithParent(pid, signal) {
  watchdog ??= startWatchdog();
  const current = watchdog;
  current.pids.add(pid);
  current.process.stdin?.write(`add ${pid} ${signal.replace(/^SIG/, '')}\n`);
  return () => {
    if (!current.pids.delete(pid)) return;
    current.process.stdin?.write(`remove ${pid}\n`);
    if (current.pids.size > 0) return;
    current.process.stdin?.end();
    if (watchdog === current) watchdog = undefined;
  };
}

function startWatchdog() {
  // Detached: a Ctrl-C goes to the whole process group of the terminal and must not take the watchdog along.
  const child = spawn('/bin/sh', ['-c', SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true, cwd: '/' });
  child.unref();
  /** @type {import('node:net').Socket} */ (child.stdin).unref();
  child.stdin.on('error', () => undefined);
  return { process: child, pids: new Set() };
}
