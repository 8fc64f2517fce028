import { type AlgorithmLists, offeredAlgorithms, type Role } from '../ssh/algorithms.js'
import type { OfferedLists } from '../ssh/offer.js'
import { NODE_KEY_ALGORITHM } from './node-identity.js'

/** What nodes offer each other: both are this program, so nothing is there for the sake of others. */
const LISTS: AlgorithmLists = {
  kexAlgorithms: ['mlkem768x25519-sha256', 'curve25519-sha256'],
  hostKeyAlgorithms: [NODE_KEY_ALGORITHM],
  pubkeyAcceptedAlgorithms: [NODE_KEY_ALGORITHM, 'ssh-ed25519'],
  ciphers: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'chacha20-poly1305@openssh.com'],
  macs: ['hmac-sha2-256-etm@openssh.com'],
  compression: ['none'],
}

/** For ssh2's `algorithms`, beside host keys. */
export const peerAlgorithms = (role: Role) => offeredAlgorithms(role, LISTS)

/** By which a node may log in; the second is that of its signature. */
export const PEER_LOGINS = LISTS.pubkeyAcceptedAlgorithms

/** What is offered to those who dial, as it is compared with what they offer (RFC 4253 §7.1). */
export const PEER_OFFER: OfferedLists = [
  LISTS.kexAlgorithms,
  LISTS.hostKeyAlgorithms,
  LISTS.ciphers,
  LISTS.ciphers,
  LISTS.macs,
  LISTS.macs,
  LISTS.compression,
  LISTS.compression,
]
