import { type Certificate, FOREVER } from './certificate.js'

/** When a certificate is valid; what is undefined has no bound. */
export interface Validity {
  readonly validFrom: Date | undefined
  /** The first moment at which it is not valid any more. */
  readonly validUntil: Date | undefined
}

/** The last second that a Date can hold (ECMA-262 §21.4.1.1). */
const LAST_SECOND = 8_640_000_000_000n

/** The validity of an OpenSSH certificate (PROTOCOL.certkeys), whose times are seconds since 1970. */
export function validityOf({ validAfter, validBefore }: Pick<Certificate, 'validAfter' | 'validBefore'>): Validity {
  return {
    validFrom: validAfter === 0n ? undefined : dateOf(validAfter),
    validUntil: validBefore === FOREVER ? undefined : dateOf(validBefore),
  }
}

function dateOf(seconds: bigint): Date | undefined {
  return seconds > LAST_SECOND ? undefined : new Date(Number(seconds) * 1000)
}
