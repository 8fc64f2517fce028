import { type Tag, type TagScope, walkTags } from './xml/tag-walk.js'

/** Bytes in which nearly every root element begins and its tag ends. */
const SHORT = 256

/**
 * Looks at the start tag of a message's root in passing, if it ends in the first so many bytes.
 * @param longest more than most need, because attributes and namespaces may be many
 */
export function peekRoot<T>(head: Buffer, longest: number, look: (tag: Tag, scope: TagScope) => T): T | undefined {
  return lookIn(head, SHORT, look) ?? lookIn(head, longest, look)
}

function lookIn<T>(head: Buffer, size: number, look: (tag: Tag, scope: TagScope) => T): T | undefined {
  let found: T | undefined
  walkTags(head.toString('utf8', 0, size), (tag, scope) => {
    found = look(tag, scope)
    return false
  })
  return found
}
