import type { ServerHostKeyAlgorithm } from 'ssh2'

/** Host key algorithms that we accept, best first. SHA-1 signatures (`ssh-rsa`) are not among them (RFC 9142 §3.1). */
const accepted: readonly ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
]

/**
 * The host key algorithms to offer when the key is expected to be of one of these types; all accepted ones when none of these is.
 * A server with several keys picks by this list, so a list that is too wide makes it prove a key that nobody announced.
 * An `ssh-rsa` key signs with SHA-2 (RFC 8332 §3).
 */
export function hostKeyAlgorithmsFor(keyTypes: readonly string[]): ServerHostKeyAlgorithm[] {
  const fitting = accepted.filter((algorithm) =>
    keyTypes.includes(algorithm.startsWith('rsa-sha2-') ? 'ssh-rsa' : algorithm),
  )
  // ssh2 takes an empty list for its own one, which has `ssh-rsa` in it.
  return fitting.length === 0 ? [...accepted] : fitting
}
