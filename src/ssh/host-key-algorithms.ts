import type { ServerHostKeyAlgorithm } from 'ssh2'

/** Host key algorithms that we accept, best first. SHA-1 signatures (`ssh-rsa`) are not among them (RFC 9142 §3.1). */
export const HOST_KEYS: readonly ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
]

/**
 * The host key algorithms to offer when the key is expected to be of one of these types; all accepted ones when no type
 * is expected. A server with several keys picks by this list, so a list that is too wide makes it prove a key that
 * nobody announced. An `ssh-rsa` key signs with SHA-2 (RFC 8332 §3). Empty when none of the types is accepted: ssh2
 * must not get that list, for it would offer its own one instead, which has SHA-1 in it.
 * @param accepted those that may be offered, best first; names of certificates are not looked at
 */
export function hostKeyAlgorithmsFor(
  keyTypes: readonly string[],
  accepted: readonly string[] = HOST_KEYS,
): ServerHostKeyAlgorithm[] {
  const plain = accepted.filter((name) => !name.includes('-cert-'))
  return plain.filter(
    (name) => keyTypes.length === 0 || keyTypes.includes(keyTypeFor(name)),
  ) as ServerHostKeyAlgorithm[]
}

/** The type of the plain keys that an algorithm is for, of certificates too: `ssh-rsa` for `rsa-sha2-512`. */
export function keyTypeFor(algorithm: string): string {
  const plain = algorithm.replace(/-cert-v01@openssh\.com$/, '')
  return plain.startsWith('rsa-sha2-') ? 'ssh-rsa' : plain
}
