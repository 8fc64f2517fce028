import { weaknessOf } from './algorithm-catalogue.js'

/** What a connection uses, beside its key exchange. */
export interface NegotiatedAlgorithms {
  /** What the server's host key signs with. */
  readonly hostKey: string
  /** Where the two directions differ, both: from client to server first. */
  readonly cipher: string
  /** Absent where the cipher needs none. */
  readonly mac?: string
  /** The weak ones among all these, and the key exchange where it is weak. */
  readonly weak: readonly string[]
}

/** As ssh2 tells it: `cs` from client to server, `sc` back. */
interface Ssh2Negotiated {
  readonly kex: string
  readonly serverHostKey: string
  readonly cs: { readonly cipher: string; readonly mac: string }
  readonly sc: { readonly cipher: string; readonly mac: string }
}

/** Thousands of links use the same. The names are those of lists that were offered, so there are few of them. */
const known = new Map<string, NegotiatedAlgorithms>()
const MAX_KNOWN = 256

/** @param negotiated of ssh2's event `handshake` */
export function negotiatedFrom(negotiated: unknown): NegotiatedAlgorithms {
  const { kex, serverHostKey, cs, sc } = negotiated as Ssh2Negotiated
  const key = [kex, serverHostKey, cs.cipher, cs.mac, sc.cipher, sc.mac].join(' ')
  const same = known.get(key)
  if (same !== undefined) return same
  const made = describe({ kex, serverHostKey, cs, sc })
  if (known.size < MAX_KNOWN) known.set(key, made)
  return made
}

function describe({ kex, serverHostKey, cs, sc }: Ssh2Negotiated): NegotiatedAlgorithms {
  const mac = bothWays(cs.mac, sc.mac)
  const weak = [
    weaknessOf('kexAlgorithms', kex) && kex,
    weaknessOf('hostKeyAlgorithms', serverHostKey) && serverHostKey,
    ...[cs, sc].flatMap(({ cipher, mac: own }) => [
      weaknessOf('ciphers', cipher) && cipher,
      weaknessOf('macs', own) && own,
    ]),
  ].filter((name) => name !== undefined)
  return {
    hostKey: serverHostKey,
    cipher: bothWays(cs.cipher, sc.cipher),
    ...(mac === '' ? {} : { mac }),
    weak: [...new Set(weak)],
  }
}

function bothWays(there: string, back: string): string {
  return there === back ? there : [there, back].filter((name) => name !== '').join(', ')
}
