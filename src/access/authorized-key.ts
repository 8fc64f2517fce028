import { timingSafeEqual } from 'node:crypto'
import type { AuthorizedKey, User } from './user.js'

/**
 * Whether a user lists this public key. It says nothing about who holds the private one: that is the signature's part.
 * For a user that does not exist the answer is no.
 */
export function isAuthorizedKey(user: User | undefined, offered: AuthorizedKey): boolean {
  return (user?.authorizedKeys ?? []).some(
    (key) =>
      key.type === offered.type && key.blob.length === offered.blob.length && timingSafeEqual(key.blob, offered.blob),
  )
}
