import { describeRpcError } from '../../../netconf/rpc-error.js'
import type { RpcReply } from '../../../netconf/rpc-reply.js'
import { serialiseXml } from '../../../netconf/xml/xml-serialise.js'
import type { XmlAttribute } from '../../../netconf/xml/xml-tree.js'
import { badReply } from '../../../rpc/call-failure.js'
import type { DeviceReply } from '../../../rpc/device-reply.js'
import { type Answered, answerRpcErrors, problemResponse } from '../problem.js'
import { type ConversionService, IS_LARGE } from './conversion-service.js'
import { convertReply, repeatedAttributes } from './converted-reply.js'
import { statusOf, toRpcErrorView } from './shown-rpc-error.js'

export type ReplyFormat = 'xml' | 'json' | 'schema'

export interface ReplyOptions {
  readonly format: ReplyFormat
  /** The attributes of the client's own `<rpc>`, which the reply repeats (RFC 6241 §4.1). */
  readonly requestAttributes: readonly XmlAttribute[]
  readonly conversions: Pick<ConversionService, 'convertReply'>
}

/**
 * Answers with a device's reply: XML as it comes, of any size; anything else is made of a reply that is there whole.
 */
export async function answerReply(to: Answered, reply: DeviceReply, options: ReplyOptions): Promise<Response> {
  const { format } = options
  try {
    return format === 'xml' ? answerXml(to, reply, options) : await answerConverted(to, reply, { ...options, format })
  } catch (thrown) {
    reply.end('aborted')
    throw thrown
  }
}

function answerXml(to: Answered, reply: DeviceReply, { requestAttributes }: ReplyOptions): Response {
  const headers = { 'Content-Type': 'application/xml' }
  const first = [Buffer.from(startTagFor(reply, requestAttributes)), ...reply.parts]
  if (!reply.complete) return new Response(onwards(to, reply, first), { headers })
  reply.end('ok')
  return new Response(Buffer.concat(first), { headers })
}

/** The problem for a reply that holds errors. */
export function answerErrors(to: Answered, { errors, warnings }: Pick<RpcReply, 'errors' | 'warnings'>): Response {
  const [first] = errors
  return answerRpcErrors(to, statusOf(errors), {
    message: first === undefined ? 'the device answered with an error' : describeRpcError(first),
    more: { 'rpc-errors': [...errors, ...warnings].map(toRpcErrorView) },
  })
}

/** A reply that is there whole, as something else than XML. */
async function answerConverted(
  to: Answered,
  reply: DeviceReply,
  { format, requestAttributes: attributes, conversions }: ReplyOptions & { readonly format: 'json' | 'schema' },
): Promise<Response> {
  const message = Buffer.concat([reply.startTag, ...reply.parts])
  const converted =
    message.length <= IS_LARGE
      ? ({ ok: true, value: convertReply(message, format, attributes) } as const)
      : await conversions.convertReply({ message, format, attributes })
  if (!converted.ok) {
    reply.end('unknown')
    return problemResponse(to, 'reply-too-large', {
      message: 'the reply took more time or memory than there is for one reply, which is too long to become JSON',
      hint: 'ask for `Accept: application/xml`, which is passed on at any length, or ask for less with a filter',
    })
  }
  if (!converted.value.ok) {
    reply.end('unknown')
    return problemResponse(to, 'bad-reply', badReply(converted.value.error))
  }
  reply.end('ok')
  const { contentType, bytes } = converted.value.value
  return new Response(bytes as Uint8Array<ArrayBuffer>, { headers: { 'Content-Type': contentType } })
}

/**
 * A long reply, as fast as the client takes it. One that breaks off breaks the answer off, so that nobody takes it for
 * whole.
 * @param first what is there of it already
 */
function onwards(to: Answered, reply: DeviceReply, first: readonly Buffer[]): ReadableStream<Uint8Array> {
  const ready = [...first]
  let waiting: NodeJS.Timeout | undefined
  let over = false

  const end = (): void => {
    over = true
    clearTimeout(waiting)
    reply.end('aborted')
  }
  const breakOff = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    end()
    const outgoing = to.env?.outgoing
    if (outgoing === undefined) controller.error(new Error('the reply broke off'))
    else outgoing.destroy()
  }

  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        clearTimeout(waiting)
        try {
          const part = ready.shift() ?? (await reply.next())
          if (over) return
          if (part === undefined) return controller.close()
          controller.enqueue(part)
          waiting = setTimeout(() => breakOff(controller), reply.stallTimeout)
        } catch {
          if (!over) breakOff(controller)
        }
      },
      cancel: end,
    },
    { highWaterMark: 1 },
  )
}

/** The start tag of a reply with the attributes of the client's `<rpc>` instead of ours. */
function startTagFor({ root, selfClosing }: DeviceReply, requestAttributes: readonly XmlAttribute[]): string {
  const tag = serialiseXml({ ...root, attributes: repeatedAttributes(root, requestAttributes), children: [] })
  return selfClosing ? tag : `${tag.slice(0, -'/>'.length)}>`
}
