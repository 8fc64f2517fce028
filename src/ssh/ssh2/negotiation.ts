/** What two sides negotiate in key exchange (RFC 4253 §7.1), which ssh2 tells only where it fits. */
import type { Client, Connection } from 'ssh2'
import type { NothingInCommon } from '../nothing-in-common.js'
import { type NegotiatedAlgorithms, negotiatedFrom } from '../negotiated-algorithms.js'
import { nothingInCommonOf, type OfferedLists } from '../offer.js'
import { inside, type Offer } from './internals.js'

export interface Negotiation {
  /** What was negotiated first; undefined before. */
  readonly result: () => NegotiatedAlgorithms | undefined
  /**
   * The lists that have nothing in common, as soon as the other side has sent its own: whether or not ssh2 got as far
   * as to read them before it was gone.
   */
  readonly nothingInCommon: () => NothingInCommon | undefined
}

/**
 * Follows the first negotiation of a connection.
 * @param offered what the other side offers, as `watchOffer` reads it
 */
export function watchNegotiation(
  connection: Client | Connection,
  offered: () => OfferedLists | undefined,
): Negotiation {
  const { _protocol: protocol } = inside(connection)
  let result: NegotiatedAlgorithms | undefined
  const events: { readonly once: (event: 'handshake', listener: (negotiated: unknown) => void) => unknown } = connection
  events.once('handshake', (negotiated) => {
    result = negotiatedFrom(negotiated)
  })
  return {
    result: () => result,
    nothingInCommon: () => {
      const theirs = offered()
      return theirs === undefined || result !== undefined
        ? undefined
        : nothingInCommonOf(listsOf(protocol._offer), theirs, protocol._server ? 'server' : 'client')
    },
  }
}

function listsOf({ lists: { kex, serverHostKey, cs, sc } }: Offer): OfferedLists {
  const inOrder = [kex, serverHostKey, cs.cipher, sc.cipher, cs.mac, sc.mac, cs.compress, sc.compress]
  return inOrder.map(({ array }) => array)
}
