import { p } from '@mikro-orm/core';

/** A name or a digest: compared by bytes, so that an order does not depend on the server's locale. */
export const name = () => p.text().collation('C');

/** An instant in milliseconds, which is what events carry. */
export const instant = () => p.datetime().columnType('timestamptz(3)');

/** A number that starts at 0. */
export const counter = () => p.integer().default(0);
