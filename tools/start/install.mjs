import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './paths.mjs';

const MARKER = join(ROOT, 'node_modules', '.dtm-installed');

/** Runs `npm ci` unless node_modules already is what package-lock.json asks for. Ends the process if that fails. */
export async function ensureInstalled() {
  const lock = readFileSync(join(ROOT, 'package-lock.json'), 'utf8');
  const wanted = createHash('sha256').update(lock).digest('hex');
  if (existsSync(MARKER) && readFileSync(MARKER, 'utf8').trim() === wanted) return;
  if (!installedByHand(lock)) {
    console.log('Installing npm packages (once; takes a minute or two) ...');
    const started = Date.now();
    // Warnings are about this Node.js version, on which next to nothing of it will run.
    if ((await npm(['ci', '--no-fund', '--no-audit', '--loglevel=error'])) !== 0) {
      console.error('npm ci failed: see above. Correct what it names and run the command again.');
      process.exit(1);
    }
    console.log(`Installed in ${Math.round((Date.now() - started) / 1000)} s.`);
  }
  writeFileSync(MARKER, `${wanted}\n`);
}

/**
 * Whether somebody ran `npm ci` or `npm install` already: npm keeps the list of what it put into node_modules.
 * @param {string} lock
 */
function installedByHand(lock) {
  let present;
  try {
    present = JSON.parse(readFileSync(join(ROOT, 'node_modules', '.package-lock.json'), 'utf8')).packages;
  } catch {
    return false;
  }
  return Object.entries(JSON.parse(lock).packages).every(([path, entry]) => {
    if (!path.startsWith('node_modules/') && !path.includes('/node_modules/')) return true;
    if (entry.link === true) return existsSync(join(ROOT, path));
    return entry.optional === true || present[path]?.version === entry.version;
  });
}

/**
 * @param {string[]} args
 * @returns {Promise<number | null>}
 */
function npm(args) {
  // Inside `npm start` npm says where it is, which works on every platform without a shell.
  const cli = process.env.npm_execpath;
  const [command, first] = cli?.endsWith('.js') ? [process.execPath, [cli]] : ['npm', []];
  return new Promise((resolve) => {
    const child = spawn(command, [...first, ...args], { cwd: ROOT, stdio: 'inherit' });
    child.once('error', (error) => {
      console.error(`npm cannot be started: ${error.message}`);
      resolve(1);
    });
    child.once('exit', resolve);
  });
}
