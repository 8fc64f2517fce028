import type { ScannedMessage } from './framing/message-scanner.js'
import { walkTags } from './xml/tag-walk.js'

/** What a request is about, seen in passing. */
export interface PeekedRequest {
  readonly messageId?: string | undefined
  readonly operation: {
    readonly namespace: string
    readonly name: string
    readonly datastore?: string | undefined
  }
  /** Whether there are more operations in it than the one named, which no client should send. */
  readonly more: boolean
}

/** Names and ids of a message that are longer are cut off. */
export const MAX_GLANCED = 256

/** What stands for an operation that could not be made out. */
const UNREADABLE = 'unreadable'

/**
 * Looks at the edges of a client's message for its operation: nothing of what the operation carries is kept, and
 * nothing is checked. A message that is no `<rpc>` counts as one, because the server will answer it.
 */
export function peekRequest({ head, tail, bytes }: Pick<ScannedMessage, 'head' | 'tail' | 'bytes'>): PeekedRequest {
  let messageId: string | undefined
  let namespace = ''
  let name: string = UNREADABLE
  let operations = 0
  let datastore: string | undefined
  let role: string | undefined
  const text = head.toString()
  const whole = head.length === bytes

  walkTags(text, (tag, scope) => {
    if (tag.depth === 0) {
      if (tag.name !== 'rpc' || tag.kind === 'close') return false
      messageId = scope.attribute('message-id')?.slice(0, MAX_GLANCED)
      return true
    }
    if (tag.kind === 'close') return true
    if (tag.depth === 1) {
      operations += 1
      if (operations > 1) return false
      namespace = scope.namespace(tag.prefix).slice(0, MAX_GLANCED)
      name = tag.name.slice(0, MAX_GLANCED)
      return true
    }
    if (tag.depth === 2) role = datastoreRole(name)
    if (datastore !== undefined || role === undefined) return true
    if (tag.depth === 2 && isIdentity(name, tag.name)) datastore = identityIn(text, tag.end)
    if (tag.depth === 3 && scope.ancestor(2) === role) datastore = tag.name
    return true
  })
  datastore ??= operations === 0 || whole ? undefined : datastoreIn(tail.toString(), datastoreRole(name))
  return {
    messageId,
    operation: { namespace, name, datastore: datastore?.slice(0, MAX_GLANCED) },
    more: operations > 1 || (operations === 1 && !whole && !endsWith(tail.toString(), name)),
  }
}

/** The parameter that names the datastore which an operation reads or writes. */
function datastoreRole(operation: string): 'source' | 'target' {
  return operation === 'get-config' || operation === 'validate' ? 'source' : 'target'
}

/**
 * Whether a parameter names its datastore by an identity: `<datastore>` (RFC 8526), or `<source>` of `<compare>` (RFC
 * 9144).
 */
function isIdentity(operation: string, parameter: string): boolean {
  return parameter === 'datastore' || (operation === 'compare' && parameter === 'source')
}

/** `candidate` of `<datastore>ds:candidate</datastore>` (RFC 8526). */
function identityIn(text: string, start: number): string | undefined {
  const end = text.indexOf('<', start)
  const identity = end === -1 ? undefined : text.slice(start, end).trim().split(':').at(-1)
  return identity === '' ? undefined : identity
}

/** The datastore in the end of a message, where a long configuration came before it. */
function datastoreIn(tail: string, role: string): string | undefined {
  const rest = afterLast(tail, /<\/(?:[\w.-]+:)?(?:config|source)\s*>/g)
  const found = new RegExp(`<(?:[\\w.-]+:)?${role}\\s*>\\s*<(?:[\\w.-]+:)?([\\w.-]+)[\\s/>]`).exec(rest)
  return found?.[1]
}

/** Whether a message ends with the end of this operation and of its `<rpc>`. */
function endsWith(tail: string, operation: string): boolean {
  const last = /<\/(?:[^\s<>:/]+:)?([^\s<>:/]+)\s*>\s*<\/(?:[^\s<>:/]+:)?rpc\s*>\s*$/.exec(tail)
  return last?.[1]?.slice(0, MAX_GLANCED) === operation
}

function afterLast(text: string, mark: RegExp): string {
  const last = [...text.matchAll(mark)].at(-1)
  return last === undefined ? text : text.slice(last.index + last[0].length)
}
