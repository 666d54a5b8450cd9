/** A command cannot do its work; the words say what to do instead. Nothing was changed unless they say so. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

/** Told of how far a command is: what it does, how much of it is done. */
export type OnProgress = (what: string, done: number, all: number) => void;
