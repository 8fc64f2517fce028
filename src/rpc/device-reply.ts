import type { ReplyHead } from '../netconf/request-queue.js'
import type { StreamedReply } from '../netconf/reply-sinks.js'
import type { RpcError } from '../netconf/rpc-error.js'
import { parseRpcReply } from '../netconf/rpc-reply.js'
import { mayHoldErrors, nextPart, type ReplyBeginning, readBeginning, readWhole } from './reply-content.js'

/**
 * A reply of a device that holds no errors. What follows its start tag is read as it comes, as fast as its reader wants
 * it.
 */
export interface DeviceReply extends Pick<ReplyHead, 'root' | 'startTag' | 'selfClosing'> {
  /** What has come so far of what follows the start tag. */
  readonly parts: readonly Buffer[]
  /** Whether the parts are all there is. */
  readonly complete: boolean
  /**
   * The next part behind them; undefined at the end of the reply, which ends the call.
   * @throws ReplyStalled, or the reason why the session ended; that ends the call as well
   */
  readonly next: () => Promise<Buffer | undefined>
  /** Milliseconds between two parts, and between two that its reader takes. */
  readonly stallTimeout: number
  /**
   * Ends the call, once; the rest of the reply is dropped. The outcome is in the words of the audit log: `ok`,
   * `aborted`, `unknown`.
   */
  readonly end: (outcome: string) => void
}

/** How a reply is read. Times are milliseconds, sizes bytes of what follows the start tag. */
export interface ReadOptions {
  readonly stallTimeout: number
  /** Reads all of it, of so many bytes at most. */
  readonly maxSize?: number | undefined
  /** Told once, when the reply was read to its end or will not be, of the outcome and of the bytes that came. */
  readonly ended: (outcome: string, bytes: number) => void
}

export type ReadReply =
  | { readonly kind: 'content'; readonly reply: DeviceReply }
  | { readonly kind: 'errors'; readonly errors: readonly RpcError[]; readonly warnings: readonly RpcError[] }
  | { readonly kind: 'unreadable'; readonly cause: string }

/** Bytes of a reply that are looked at before it is known whether it holds errors. */
const BEGINNING_SIZE = 64 * 1024
/** Bytes of a reply that holds errors. */
const MAX_ERRORS = 128 * 1024

/**
 * Reads a reply until it is known whether it holds errors; all of it where `maxSize` is given. Whoever gets its content
 * ends it.
 * @throws ReplyTooLong, ReplyStalled, or the reason why the session ended
 */
export async function readReply(reply: StreamedReply, options: ReadOptions): Promise<ReadReply> {
  const { stallTimeout, maxSize, ended } = options
  let beginning = await readBeginning(reply.body, { wanted: BEGINNING_SIZE, stallTimeout })
  if (mayHoldErrors(reply, beginning)) {
    const whole = await readWhole(reply.body, { most: MAX_ERRORS, mayBe: 'errors', stallTimeout, already: beginning })
    const message = Buffer.concat([reply.startTag, ...whole.parts])
    const parsed = parseRpcReply(message)
    if (!parsed.ok) {
      ended('unknown', message.length)
      return { kind: 'unreadable', cause: parsed.error.cause }
    }
    const { errors, warnings } = parsed.value
    if (errors.length > 0) {
      ended(errors[0]?.tag ?? 'rpc-error', message.length)
      return { kind: 'errors', errors, warnings }
    }
    beginning = whole
  }
  if (maxSize !== undefined)
    beginning = await readWhole(reply.body, { most: maxSize, mayBe: 'content', stallTimeout, already: beginning })
  return { kind: 'content', reply: contentOf(reply, beginning, options) }
}

function contentOf(reply: StreamedReply, beginning: ReplyBeginning, { stallTimeout, ended }: ReadOptions): DeviceReply {
  const { root, startTag, selfClosing, body } = reply
  let bytes = startTag.length + beginning.bytes
  let over = false
  const end = (outcome: string): void => {
    if (over) return
    over = true
    body.destroy()
    ended(outcome, bytes)
  }
  const next = async (): Promise<Buffer | undefined> => {
    try {
      const part = beginning.whole ? undefined : await nextPart(body, stallTimeout)
      if (part === undefined) end('ok')
      else bytes += part.length
      return part
    } catch (thrown) {
      end('aborted')
      throw thrown
    }
  }
  return { root, startTag, selfClosing, parts: beginning.parts, complete: beginning.whole, next, stallTimeout, end }
}
