/** What two sides negotiate in key exchange (RFC 4253 §7.1), which ssh2 tells only where it fits, or for debugging. */
import type { Client, Connection } from 'ssh2'
import type { AlgorithmKind } from '../algorithms.js'
import type { NothingInCommon } from '../nothing-in-common.js'
import { type NegotiatedAlgorithms, negotiatedFrom } from '../negotiated-algorithms.js'
import { inside } from './internals.js'

/** What ssh2 calls the lists that it compares one after the other, as it tells them for debugging. */
const KIND_OF: Readonly<Record<string, AlgorithmKind>> = {
  'KEX method': 'kexAlgorithms',
  'Host key format': 'hostKeyAlgorithms',
  'C->S cipher': 'ciphers',
  'S->C cipher': 'ciphers',
  'C->S MAC': 'macs',
  'S->C MAC': 'macs',
  'C->S compression': 'compression',
  'S->C compression': 'compression',
}

const COMPARED = /^Handshake: \((local|remote)\) ([^:]+): (.*)$/s
const FOUND_NONE = /^Handshake: no matching /i

/** Names that are no algorithms but say what a side can besides. */
const MARKER = /^(ext-info-|kex-strict-)/

export interface Negotiation {
  /** What was negotiated first; undefined before. */
  readonly result: () => NegotiatedAlgorithms | undefined
  /** The lists that have nothing in common, once that was found. */
  readonly nothingInCommon: () => NothingInCommon | undefined
}

/** Follows the first negotiation of a connection. ssh2 has nothing to tell for debugging from then on. */
export function watchNegotiation(connection: Client | Connection): Negotiation {
  const { _protocol: protocol } = inside(connection)
  const lists = { local: '', remote: '' }
  let kind: AlgorithmKind | undefined
  let result: NegotiatedAlgorithms | undefined
  let nothing: NothingInCommon | undefined
  protocol._debug = (message) => {
    const [, side, what = '', list = ''] = COMPARED.exec(message) ?? []
    if (side === 'local' || side === 'remote') {
      lists[side] = list
      kind = KIND_OF[what]
    } else if (FOUND_NONE.test(message) && kind !== undefined) {
      nothing = { kind, ours: namesIn(lists.local), theirs: namesIn(lists.remote) }
      protocol._debug = undefined
    }
  }
  const events: { readonly once: (event: 'handshake', listener: (negotiated: unknown) => void) => unknown } = connection
  events.once('handshake', (negotiated) => {
    protocol._debug = undefined
    result = negotiatedFrom(negotiated)
  })
  return { result: () => result, nothingInCommon: () => nothing }
}

function namesIn(list: string): readonly string[] {
  return list.split(',').filter((name) => name !== '' && !MARKER.test(name))
}
