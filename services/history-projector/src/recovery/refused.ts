/** A command cannot do its work; the words say what to do instead. Nothing was changed unless they say so. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

/** Two rebuilds would undo each other; whoever can wait tries again when that one is done. */
export class AnotherRebuild extends Refused {
  constructor() {
    super('Another rebuild is at work on this database: wait until it is done.');
  }
}

/** Told of how far a command is: what it does, how much of it is done. */
export type OnProgress = (what: string, done: number, all: number) => void;
