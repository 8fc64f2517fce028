import type { HybridHash } from './hybrid-secret.js'
import type { Encapsulation, Kem } from './kem/kem.js'
import { mlKem768 } from './kem/ml-kem.js'
import { sntrup761 } from './kem/sntrup761.js'

/** A key exchange whose secret nobody computes later who records it now and has a quantum computer then. */
export interface HybridExchange {
  readonly hash: HybridHash
  readonly kem: Encapsulation
  /** The same with key pairs, where the bridge takes part as the client, too. */
  readonly clientKem?: Kem
}

const SNTRUP761: HybridExchange = { hash: 'sha512', kem: sntrup761 }

/**
 * The hybrid key exchanges that there are, best first. Clients of OpenSSH 9 have Streamlined NTRU Prime alone; devices
 * do without it, because the bridge would make a key pair for each call, which takes twenty times as long.
 */
export const HYBRID_EXCHANGES: ReadonlyMap<string, HybridExchange> = new Map<string, HybridExchange>([
  ['mlkem768x25519-sha256', { hash: 'sha256', kem: mlKem768, clientKem: mlKem768 }],
  ['sntrup761x25519-sha512', SNTRUP761],
  ['sntrup761x25519-sha512@openssh.com', SNTRUP761],
])

/** Those by name that a side of a connection can take part in, best first. */
export function postQuantumExchanges(role: 'client' | 'server'): readonly string[] {
  return [...HYBRID_EXCHANGES]
    .filter(([, { clientKem }]) => role === 'server' || clientKem !== undefined)
    .map(([name]) => name)
}

export function isPostQuantum(name: string): boolean {
  return HYBRID_EXCHANGES.has(name)
}

/** The key exchange that both sides of a connection have agreed on. */
export interface AgreedKeyExchange {
  /** As RFC 4253 §6.5 and its like name it. */
  readonly name: string
  /** Whether a quantum computer of later does not help whoever records the connection now. */
  readonly postQuantum: boolean
}

export function agreedKeyExchange(name: string): AgreedKeyExchange {
  return { name, postQuantum: isPostQuantum(name) }
}
