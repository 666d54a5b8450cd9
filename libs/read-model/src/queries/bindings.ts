/** Values of a statement, and their placeholders. */
export class Bindings {
  readonly all: unknown[];

  constructor(first: readonly unknown[]) {
    this.all = [...first];
  }

  readonly bind = (value: unknown): string => `$${this.all.push(value)}`;
}
