import type { Algorithms } from 'ssh2'

/**
 * Key exchanges that are offered, best first. What is missing is missing on purpose: in group exchange (RFC 4419) a
 * peer picks the prime, whose check takes seconds, and groups of 3072 bits and more cost the event loop more than the
 * peer that asks for them.
 */
const KEY_EXCHANGES = [
  'curve25519-sha256',
  'curve25519-sha256@libssh.org',
  'ecdh-sha2-nistp256',
  'ecdh-sha2-nistp384',
  'ecdh-sha2-nistp521',
  'diffie-hellman-group14-sha256',
] as const

/** Message authentication codes that are offered, best first; only for ciphers that need one. None with SHA-1. */
const MACS = [
  'hmac-sha2-256-etm@openssh.com',
  'hmac-sha2-512-etm@openssh.com',
  'hmac-sha2-256',
  'hmac-sha2-512',
] as const

/**
 * What both sides of the bridge offer beside host keys, for ssh2's `algorithms`. Compression is not offered, because it
 * costs memory for each connection. The lists are new ones each time: ssh2 keeps and extends what it is given.
 */
export function offeredAlgorithms(): Pick<Required<Algorithms>, 'kex' | 'hmac' | 'compress'> {
  return { kex: [...KEY_EXCHANGES], hmac: [...MACS], compress: ['none'] }
}

/**
 * The software that the SSH identification names (RFC 4253 §4.2): no library, and no version whose faults one could
 * look up.
 */
export const SSH_SOFTWARE = 'Homeport'
