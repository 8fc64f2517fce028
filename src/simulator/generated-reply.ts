import { encodePart, endOfFrame } from '../netconf/framing/frame-encoder.js'
import type { Framing } from '../netconf/framing/framing.js'
import { buildRpcReply } from '../netconf/rpc-reply.js'
import { serialiseXml } from '../netconf/xml/xml-serialise.js'
import { element, type XmlAttribute } from '../netconf/xml/xml-tree.js'
import { TEST_NS } from './data-model.js'
import { generatedContent } from './generated-content.js'
import type { Dialect } from './dialect.js'

const PLACE = '0'

/** The framed reply to `generate-reply`, made part by part as it is written; if `cut`, only the first half of it. */
export function* generatedReply(asked: {
  readonly size: number
  readonly cut: boolean
  readonly attributes: readonly XmlAttribute[]
  readonly framing: Framing
  readonly dialect: Dialect
}): Generator<Buffer> {
  const empty = element(TEST_NS, 'content', PLACE)
  const reply = buildRpcReply(asked.attributes, { kind: 'content', content: [empty] }, asked.dialect.replyDeclarations)
  const whole = serialiseXml(reply, { prolog: asked.dialect.prolog })
  const at = whole.lastIndexOf(`>${PLACE}</`) + 1
  yield encodePart(asked.framing, Buffer.from(whole.slice(0, at)))
  for (const block of generatedContent(asked.cut ? Math.floor(asked.size / 2) : asked.size)) {
    yield encodePart(asked.framing, block)
  }
  if (asked.cut) return
  yield encodePart(asked.framing, Buffer.from(whole.slice(at + PLACE.length)))
  yield endOfFrame(asked.framing)
}
