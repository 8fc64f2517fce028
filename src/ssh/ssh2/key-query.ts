import type { PublicKeyAuthContext } from 'ssh2'

/**
 * Answers a client that asked whether a key would do: it would. By the name that the client asked by (RFC 4252 §7), for
 * which ssh2 has the type of the key: asyncssh and dropbear break off where `ssh-rsa` is the answer to `rsa-sha2-256`.
 */
export function acceptKeyQuery(context: PublicKeyAuthContext, algorithm: string): void {
  Object.assign(context, { key: { ...context.key, algo: algorithm } })
  context.accept()
}
