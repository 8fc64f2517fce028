/** What two sides negotiate in key exchange (RFC 4253 §7.1), which ssh2 tells only where it fits. */
import type { Client, Connection } from 'ssh2'
import { watchFirstBytes } from '../first-bytes.js'
import type { NothingInCommon } from '../nothing-in-common.js'
import { type NegotiatedAlgorithms, negotiatedFrom } from '../negotiated-algorithms.js'
import { nothingInCommonOf, type OfferedLists, readOffer } from '../offer.js'
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

/** Follows the first negotiation of a connection, before anything was read from its socket. */
export function watchNegotiation(connection: Client | Connection): Negotiation {
  const { _protocol: protocol, _sock: socket } = inside(connection)
  let theirs: OfferedLists | undefined
  let result: NegotiatedAlgorithms | undefined
  watchFirstBytes(socket, (bytes) => {
    theirs = readOffer(bytes)
    return theirs !== undefined
  })
  const events: { readonly once: (event: 'handshake', listener: (negotiated: unknown) => void) => unknown } = connection
  events.once('handshake', (negotiated) => {
    result = negotiatedFrom(negotiated)
  })
  return {
    result: () => result,
    nothingInCommon: () =>
      theirs === undefined || result !== undefined
        ? undefined
        : nothingInCommonOf(listsOf(protocol._offer), theirs, protocol._server ? 'server' : 'client'),
  }
}

function listsOf({ lists: { kex, serverHostKey, cs, sc } }: Offer): OfferedLists {
  const inOrder = [kex, serverHostKey, cs.cipher, sc.cipher, cs.mac, sc.mac, cs.compress, sc.compress]
  return inOrder.map(({ array }) => array)
}
