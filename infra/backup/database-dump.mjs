import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';

/**
 * Dumps the database in PostgreSQL's own format, which `pg_restore` reads. The password goes by the environment, as
 * arguments can be seen by everyone on the machine.
 * @param {string} url
 * @param {string} file
 */
export async function dumpDatabase(url, file) {
  const { hostname, port, username, password, pathname, searchParams } = new URL(url);
  const sslmode = searchParams.get('sslmode');
  const program = process.env.PG_DUMP ?? 'pg_dump';
  const child = spawn(program, ['--format=custom', '--no-owner', '--no-privileges', `--file=${file}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: process.env.PATH,
      LD_LIBRARY_PATH: process.env.LD_LIBRARY_PATH,
      PGHOST: hostname.replace(/^\[|\]$/g, ''),
      PGPORT: port || '5432',
      PGUSER: decodeURIComponent(username),
      PGPASSWORD: decodeURIComponent(password),
      PGDATABASE: decodeURIComponent(pathname.slice(1)),
      ...(sslmode === null ? {} : { PGSSLMODE: sslmode }),
    },
  });
  let words = '';
  child.stderr.on('data', (text) => (words += text));
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`${program} of ${hostname}: ${words.trim() || `exit code ${code}`}`);
  return { bytes: statSync(file).size };
}
