import type { Context } from 'hono'
import type { StreamedReply } from '../../../netconf/reply-sinks.js'
import { describeRpcError } from '../../../netconf/rpc-error.js'
import { parseRpcReply, type RpcReply } from '../../../netconf/rpc-reply.js'
import { serialiseXml } from '../../../netconf/xml/xml-serialise.js'
import type { XmlAttribute, XmlElement } from '../../../netconf/xml/xml-tree.js'
import type { ApiEnv } from '../api.js'
import { answerProblem, answerRpcErrors } from '../problem.js'
import { type ConversionService, IS_LARGE } from './conversion-service.js'
import { convertReply, repeatedAttributes } from './converted-reply.js'
import {
  mayHoldErrors,
  nextPart,
  type ReplyBeginning,
  ReplyTooLong,
  readBeginning,
  readWhole,
} from './reply-content.js'
import { toRpcErrorView, statusOf } from './shown-rpc-error.js'

export type ReplyFormat = 'xml' | 'json' | 'schema'

export interface ReplyOptions {
  readonly format: ReplyFormat
  /** The attributes of the client's own `<rpc>`, which the reply repeats (RFC 6241 §4.1). */
  readonly requestAttributes: readonly XmlAttribute[]
  /** Milliseconds between two parts of the reply, and between two that the client takes. */
  readonly stallTimeout: number
  /** Bytes of a reply that becomes JSON. */
  readonly maxJsonSize: number
  readonly conversions: Pick<ConversionService, 'convertReply'>
  /** The words for a reply that broke off before anything of it was sent. */
  readonly brokenOff: (thrown: unknown) => Promise<Response>
  /** Called once, with the outcome in the words of the audit log and the bytes that the device sent: when the answer was read to its end, or will not be. */
  readonly done: (outcome: string, bytes: number) => void
}

/** Bytes of a reply that are looked at before its status is decided. */
const beginningSize = 64 * 1024
/** Bytes of a reply that holds errors. */
const mostErrors = 128 * 1024

/** Answers with a device's reply. Its errors become a problem; everything else is handed on as it comes, of any size. */
export async function answerReply(c: Context<ApiEnv>, reply: StreamedReply, how: ReplyOptions): Promise<Response> {
  let holdsErrors = false
  try {
    const beginning = await readBeginning(reply.body, beginningSize, how.stallTimeout)
    holdsErrors = mayHoldErrors(reply, beginning)
    if (holdsErrors) {
      const whole = await readWhole(reply.body, mostErrors, how.stallTimeout, beginning)
      const message = Buffer.concat([reply.startTag, whole])
      const parsed = parseRpcReply(message)
      if (!parsed.ok) return unreadable(c, parsed.error.cause, how, message.length)
      if (parsed.value.errors.length > 0) {
        how.done(parsed.value.errors[0]?.tag ?? 'rpc-error', message.length)
        return answerErrors(c, parsed.value)
      }
      return await answerContent(c, reply, { parts: [whole], bytes: whole.length, whole: true }, how)
    }
    return await answerContent(c, reply, beginning, how)
  } catch (thrown) {
    reply.body.destroy()
    if (thrown instanceof ReplyTooLong) {
      how.done('unknown', 0)
      return answerTooLong(c, thrown, holdsErrors)
    }
    how.done('aborted', 0)
    return await how.brokenOff(thrown)
  }
}

function answerTooLong(c: Context<ApiEnv>, { message }: ReplyTooLong, holdsErrors: boolean): Response {
  if (holdsErrors)
    return answerProblem(c, 'reply-too-large', {
      message: `${message}, which is too long for one that may hold errors`,
      hint: 'ask for less with a filter; over SSH, the reply is passed on at any length',
    })
  return answerProblem(c, 'reply-too-large', {
    message: `${message}, which is too long to become JSON`,
    hint: 'ask for `Accept: application/xml`, which is passed on at any length, or ask for less with a filter',
  })
}

/** The problem for a reply that holds errors. */
export function answerErrors(c: Context, { errors, warnings }: Pick<RpcReply, 'errors' | 'warnings'>): Response {
  const [first] = errors
  return answerRpcErrors(c, statusOf(errors), {
    message: first === undefined ? 'the device answered with an error' : describeRpcError(first),
    more: { 'rpc-errors': [...errors, ...warnings].map(toRpcErrorView) },
  })
}

async function answerContent(
  c: Context<ApiEnv>,
  reply: StreamedReply,
  beginning: ReplyBeginning,
  how: ReplyOptions,
): Promise<Response> {
  const { format } = how
  if (format !== 'xml') return answerHeld(c, reply, beginning, { ...how, format })
  const { startTag, selfClosing } = reply
  const written = Buffer.from(startTagFor(reply.root, how.requestAttributes, selfClosing))
  const headers = { 'Content-Type': 'application/xml' }
  if (beginning.whole) {
    how.done('ok', startTag.length + beginning.bytes)
    return new Response(Buffer.concat([written, ...beginning.parts]), { headers })
  }
  return new Response(onwards(c, reply, [written, ...beginning.parts], how), { headers })
}

/** A reply that has to be known whole to be answered. */
async function answerHeld(
  c: Context<ApiEnv>,
  reply: StreamedReply,
  beginning: ReplyBeginning,
  how: ReplyOptions & { readonly format: 'json' | 'schema' },
): Promise<Response> {
  const { startTag, body } = reply
  const parts = [startTag, ...beginning.parts]
  const bytes = startTag.length + beginning.bytes
  const message = await readWhole(body, startTag.length + how.maxJsonSize, how.stallTimeout, {
    ...beginning,
    parts,
    bytes,
  })
  // The thread takes the message away from here.
  const size = message.length
  const input = { message, format: how.format, attributes: how.requestAttributes } as const
  const converted =
    size <= IS_LARGE
      ? ({ ok: true, value: convertReply(message, input.format, input.attributes) } as const)
      : await how.conversions.convertReply(input)
  if (!converted.ok) throw new ReplyTooLong('the reply took more time or memory than there is for one reply')
  if (!converted.value.ok) return unreadable(c, converted.value.error, how, size)
  how.done('ok', size)
  const { contentType, bytes: answer } = converted.value.value
  return new Response(answer as Uint8Array<ArrayBuffer>, { headers: { 'Content-Type': contentType } })
}

function unreadable(c: Context, cause: string, how: ReplyOptions, bytes: number): Response {
  how.done('unknown', bytes)
  return answerProblem(c, 'bad-reply', { message: `the device's reply cannot be read: ${cause}` })
}

/** The rest of a long reply, as fast as the client takes it. A reply that breaks off breaks the answer off, so that nobody takes it for whole. */
function onwards(
  c: Context<ApiEnv>,
  reply: StreamedReply,
  first: readonly Buffer[],
  how: ReplyOptions,
): ReadableStream<Uint8Array> {
  const { body } = reply
  const ready = [...first]
  let bytes = reply.startTag.length + first.slice(1).reduce((sum, part) => sum + part.length, 0)
  let waiting: NodeJS.Timeout | undefined
  let ended = false

  const end = (outcome: string): void => {
    if (ended) return
    ended = true
    clearTimeout(waiting)
    body.destroy()
    how.done(outcome, bytes)
  }
  const breakOff = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    end('aborted')
    const outgoing = c.env?.outgoing
    if (outgoing === undefined) controller.error(new Error('the reply broke off'))
    else outgoing.destroy()
  }

  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        clearTimeout(waiting)
        try {
          const held = ready.shift()
          const part = held ?? (await nextPart(body, how.stallTimeout))
          if (ended) return
          if (part === undefined) {
            end('ok')
            controller.close()
            return
          }
          if (held === undefined) bytes += part.length
          controller.enqueue(part)
          waiting = setTimeout(() => breakOff(controller), how.stallTimeout)
        } catch {
          breakOff(controller)
        }
      },
      cancel: () => end('aborted'),
    },
    { highWaterMark: 1 },
  )
}

/** The start tag of a reply with the attributes of the client's `<rpc>` instead of ours. */
function startTagFor(root: XmlElement, requestAttributes: readonly XmlAttribute[], selfClosing: boolean): string {
  const tag = serialiseXml({ ...root, attributes: repeatedAttributes(root, requestAttributes), children: [] })
  return selfClosing ? tag : `${tag.slice(0, -'/>'.length)}>`
}
