import { spawn } from 'node:child_process';

/**
 * Runs a program to its end and answers what it wrote; throws with its own words where it fails.
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, uid?: number, gid?: number, input?: string, limitMs?: number, echo?: boolean }} [options]
 * @returns {Promise<{ stdout: string, stderr: string }>}
 */
export function run(program, args, { input, limitMs = 600_000, echo = false, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
      if (echo) process.stderr.write(text);
    });
    const limit = setTimeout(() => child.kill('SIGKILL'), limitMs);
    child.once('error', (error) => reject(new Error(`${program}: ${error.message}`)));
    child.once('close', (code, signal) => {
      clearTimeout(limit);
      if (code === 0) return resolve({ stdout, stderr });
      const said = `${stdout.trim().slice(-3_000)}\n${stderr.trim().slice(-3_000)}`.trim();
      reject(new Error(`${program} ${args.slice(0, 6).join(' ')} … ended with ${signal ?? code}\n${said}`));
    });
    // A program that ends before it has read everything says itself what is wrong.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

/** Whether a program is on the PATH. */
export async function have(/** @type {string} */ program) {
  return run('sh', ['-c', 'command -v "$1"', 'sh', program]).then(
    () => true,
    () => false,
  );
}
