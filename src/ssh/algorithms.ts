import type { Algorithms, KexAlgorithm } from 'ssh2'
import { isPostQuantum, postQuantumExchanges } from './post-quantum.js'

/**
 * Key exchanges that are offered after those that a quantum computer does not break, best first. What is missing is
 * missing on purpose: in group exchange (RFC 4419) a peer picks the prime, whose check takes seconds, and groups of
 * 3072 bits and more cost the event loop more than the peer that asks for them.
 */
const KEY_EXCHANGES = [
  'curve25519-sha256',
  'curve25519-sha256@libssh.org',
  'ecdh-sha2-nistp256',
  'ecdh-sha2-nistp384',
  'ecdh-sha2-nistp521',
  'diffie-hellman-group14-sha256',
] as const

/** Ciphers that are offered. ssh2 puts them in the order in which they are fast on this machine. */
export const CIPHERS = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'chacha20-poly1305@openssh.com',
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
] as const

/** Message authentication codes that are offered, best first; only for ciphers that need one. None with SHA-1. */
export const MACS = [
  'hmac-sha2-256-etm@openssh.com',
  'hmac-sha2-512-etm@openssh.com',
  'hmac-sha2-256',
  'hmac-sha2-512',
] as const

/** What is negotiated, or chosen in a login, by the words of ssh_config(5). */
export const ALGORITHM_KINDS = [
  'kexAlgorithms',
  'hostKeyAlgorithms',
  'pubkeyAcceptedAlgorithms',
  'ciphers',
  'macs',
  'compression',
] as const

export type AlgorithmKind = (typeof ALGORITHM_KINDS)[number]

/** The keys of the lists, as a configuration has them. */
export const ALGORITHM_KEYS: Readonly<Record<AlgorithmKind, string>> = {
  kexAlgorithms: 'kex-algorithms',
  hostKeyAlgorithms: 'host-key-algorithms',
  pubkeyAcceptedAlgorithms: 'pubkey-accepted-algorithms',
  ciphers: 'ciphers',
  macs: 'macs',
  compression: 'compression',
}

/** The algorithms of each kind that may be used, best first. */
export type AlgorithmLists = Readonly<Record<AlgorithmKind, readonly string[]>>

type Offered = Pick<Required<Algorithms>, 'hmac' | 'compress'> & Pick<Algorithms, 'cipher'> & { kex: KexAlgorithm[] }

/** The bridge is the client of devices, and the server of its own clients. */
export type Role = 'client' | 'server'

/** What both sides know best, and all that is offered where nothing else is configured. */
export const USUAL_KEY_EXCHANGES: readonly string[] = [...postQuantumExchanges('server'), ...KEY_EXCHANGES]

const USUAL_BUT_HOST_KEYS: OfferedLists = {
  kexAlgorithms: USUAL_KEY_EXCHANGES,
  ciphers: CIPHERS,
  macs: MACS,
  compression: ['none'],
}

type OfferedLists = Pick<AlgorithmLists, 'kexAlgorithms' | 'ciphers' | 'macs' | 'compression'>

/**
 * What a side of the bridge offers beside host keys, for ssh2's `algorithms`: of the lists that are given, or of the
 * usual ones, what that side can take part in. Compression is not offered, because it costs memory for each connection.
 * The lists are new ones each time: ssh2 keeps and extends what it is given.
 */
export function offeredAlgorithms(role: Role, lists: OfferedLists = USUAL_BUT_HOST_KEYS): Offered {
  const { kexAlgorithms, ciphers: cipher, macs: hmac, compression: compress } = lists
  // ssh2's types know the names as literals; a configuration has them as texts, which were looked up.
  const offered = { kex: keyExchangesOf(role, kexAlgorithms), hmac: [...hmac], compress: [...compress] } as Offered
  return isUsual(cipher) ? offered : { ...offered, cipher: [...cipher] as NonNullable<Algorithms['cipher']> }
}

/**
 * The key exchanges of a list that a side of the bridge can take part in: group exchange towards devices alone, and
 * towards clients alone what costs whoever begins it too much.
 */
export function keyExchangesOf(role: Role, kexAlgorithms: readonly string[]): string[] {
  const hybrids = postQuantumExchanges(role)
  return kexAlgorithms.filter((name) =>
    isPostQuantum(name) ? hybrids.includes(name) : role === 'client' || !name.includes('group-exchange'),
  )
}

function isUsual(ciphers: readonly string[]): boolean {
  return ciphers.length === CIPHERS.length && CIPHERS.every((name, at) => name === ciphers[at])
}

/**
 * The software that the SSH identification names (RFC 4253 §4.2): no library, and no version whose faults one could
 * look up.
 */
export const SSH_SOFTWARE = 'Homeport'
