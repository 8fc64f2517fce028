/** The most of anything that a key may bound, where it has no bound of its own. */
export const MANY = 1_000_000

/** Bytes. */
export const MIB = 1024 ** 2
