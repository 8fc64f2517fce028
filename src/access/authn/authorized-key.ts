import { timingSafeEqual } from 'node:crypto'
import type { AuthorizedKey, User } from './user.js'

/**
 * The lines of a user with this public key. They say nothing about who holds the private one: that is the signature's
 * part. A user that does not exist has none.
 */
export function authorizedKeysLike(
  user: User | undefined,
  offered: Pick<AuthorizedKey, 'type' | 'blob'>,
): readonly AuthorizedKey[] {
  return (user?.authorizedKeys ?? []).filter(
    (key) =>
      key.type === offered.type && key.blob.length === offered.blob.length && timingSafeEqual(key.blob, offered.blob),
  )
}
