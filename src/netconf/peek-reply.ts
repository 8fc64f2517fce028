import { MAX_GLANCED } from './peek-request.js'
import { peekRoot } from './peek-root.js'
import type { ScannedMessage } from './framing/message-scanner.js'
import { walkTags } from './xml/tag-walk.js'

/** What a server's message is, seen in passing. */
export type PeekedReply =
  | {
      readonly kind: 'reply'
      readonly messageId?: string | undefined
      /** The `error-tag` of the first `<rpc-error>` of severity `error`; absent when there is none. */
      readonly errorTag?: string | undefined
    }
  | { readonly kind: 'notification' }
  | { readonly kind: 'unreadable' }

/** Bytes that hold the start tag of a reply, whose attributes may be many. */
const ROOT_SIZE = 2048

/**
 * Looks at the edges of a server's message: whose reply it is, and whether it says that something went wrong.
 * Errors in the middle of a reply that is longer than its edges are not seen; servers put them first, or at the end.
 */
export function peekReply({ head, tail }: Pick<ScannedMessage, 'head' | 'tail'>): PeekedReply {
  const root = peekRoot(head, ROOT_SIZE, ({ name }, scope) => ({
    name,
    messageId: scope.attribute('message-id')?.slice(0, MAX_GLANCED),
  }))
  if (root?.name === 'notification') return { kind: 'notification' }
  if (root?.name !== 'rpc-reply') return { kind: 'unreadable' }
  const errorTag =
    (head.includes('rpc-error') ? errorIn(head.toString()) : undefined) ??
    (tail.includes('rpc-error') ? errorAtEnd(tail.toString()) : undefined)
  return { kind: 'reply', messageId: root.messageId, errorTag }
}

/** An error may stand in the reply itself, or, as Junos has it, in `<commit-results>` and the like. */
function errorIn(text: string): string | undefined {
  let found: string | undefined
  let current: { readonly depth: number; tag?: string; severity?: string } | undefined
  const judge = (): void => {
    if (current !== undefined && current.severity !== 'warning') found = current.tag ?? UNNAMED
    current = undefined
  }
  walkTags(text, (tag, scope) => {
    if (current !== undefined) {
      if (tag.kind === 'close' && tag.depth === current.depth) judge()
      else if (tag.kind === 'open' && tag.depth === current.depth + 1) {
        if (tag.name === 'error-tag') current.tag = textAt(text, tag.end)
        if (tag.name === 'error-severity') current.severity = textAt(text, tag.end)
      }
      return found === undefined
    }
    if (tag.kind === 'open' && tag.name === 'rpc-error' && tag.depth > 0 && scope.ancestor(1) !== 'data')
      current = { depth: tag.depth }
    return true
  })
  // The rest of an error may lie beyond the head.
  if (found === undefined) judge()
  return found
}

/** The last error of a reply that ends with errors. */
function errorAtEnd(tail: string): string | undefined {
  if (/<\/(?:[\w.-]+:)?data\s*>\s*<\/(?:[\w.-]+:)?rpc-reply\s*>\s*$/.test(tail)) return undefined
  const errors = [...tail.matchAll(/<(?:[\w.-]+:)?rpc-error[\s>].*?<\/(?:[\w.-]+:)?rpc-error\s*>/gs)]
  return errors.map(([whole]) => errorIn(`<rpc-reply>${whole}</rpc-reply>`)).find((tag) => tag !== undefined)
}

/** What RFC 6241 says of an error that no other tag fits. */
const UNNAMED = 'operation-failed'

function textAt(text: string, start: number): string {
  const end = text.indexOf('<', start)
  const written = text.slice(start, end === -1 ? undefined : end).trim()
  return /^[\w.-]{1,64}$/.test(written) ? written : UNNAMED
}
