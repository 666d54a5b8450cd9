import { say } from './log.mjs';

/** What was started, stopped in reverse order: by a signal, by the end of the parent, or after a failure. */
export class Shutdown {
  /** @type {(() => Promise<unknown>)[]} */
  #steps = [];
  /** @type {(() => void)[]} */
  #force = [];
  /** @type {number | undefined} */
  #askedAt;

  /** Whether the end has begun. */
  get begun() {
    return this.#askedAt !== undefined;
  }

  /**
   * @param {() => Promise<unknown>} step stops something that was started
   * @param {() => void} [force] the same without any patience
   */
  add(step, force) {
    this.#steps.push(step);
    if (force) this.#force.push(force);
  }

  /** Ends on SIGINT, SIGTERM, SIGHUP, and when the parent is gone. */
  listen() {
    for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
      process.on(signal, () => {
        // npm passes on a Ctrl-C that the terminal sends to the whole process group anyway: twice at once is one wish.
        if (this.#askedAt !== undefined && Date.now() - this.#askedAt > 1_000) this.#forceEnd();
        else void this.end(0, 'Stopping ...');
      });
    }
    if (process.channel)
      process.on('disconnect', () => void this.end(0, 'The process that started this one is gone; stopping ...'));
    onParentGone(() => void this.end(0, 'npm is gone; stopping ...'));
  }

  /**
   * Stops everything and ends the process.
   * @param {number} code
   * @param {string} why
   */
  async end(code, why) {
    if (this.#askedAt !== undefined) return;
    this.#askedAt = Date.now();
    say(why);
    for (const step of this.#steps.reverse()) {
      try {
        await step();
      } catch (error) {
        say(error instanceof Error ? error.message : String(error));
      }
    }
    say('Stopped.');
    process.exit(code);
  }

  #forceEnd() {
    say('Stopping at once.');
    for (const force of this.#force) force();
    // The watchdog ends the stores as soon as this process is gone.
    process.exit(130);
  }
}

/**
 * Calls back when npm, which started this process, is gone: a SIGKILL of npm tells its children nothing.
 * @param {() => void} callback
 */
function onParentGone(callback) {
  if (process.env.npm_lifecycle_event === undefined || process.channel) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    callback();
  }, 1_000);
  timer.unref();
}
