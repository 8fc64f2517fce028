import * as z from 'zod'
import { MAX_HELD_IN_HELLO, type PeerMessage, type PeerMessageType } from './peer-messages.js'

export type ReadMessage =
  | { readonly ok: true; readonly message: PeerMessage }
  /** A newer node knows more messages than this one. */
  | { readonly ok: true; readonly message: undefined }
  | { readonly ok: false }

const MAX_NAME = 1_024
const name = z.string().max(MAX_NAME)
const count = z.number().int().min(0)
const time = z.number()
const held = { deviceId: name, epoch: count, provenAt: time }

const MESSAGES: Readonly<Record<PeerMessageType, z.ZodType>> = {
  hello: z.object({
    type: z.literal('hello'),
    node: z.string().max(63),
    incarnation: count,
    part: count,
    last: z.boolean(),
    version: name,
    // Of a state that this node does not know the other one is up, as far as it can tell.
    state: z.enum(['up', 'draining']).catch('up'),
    links: z.array(z.object(held)).max(MAX_HELD_IN_HELLO),
  }),
  proven: z.object({ type: z.literal('proven'), deviceId: name, provenAt: time, source: name }),
  claimed: z.object({ type: z.literal('claimed'), ...held }),
  detached: z.object({
    type: z.literal('detached'),
    ...held,
    endedAt: time,
    end: z.object({ reason: name, message: z.string() }),
  }),
  changed: z.object({ type: z.literal('changed'), table: name, key: z.string(), version: z.number() }),
  crowded: z.object({ type: z.literal('crowded'), deviceId: name }),
  event: z.object({ type: z.literal('event'), name, event: z.looseObject({}) }),
  kill: z.object({ type: z.literal('kill'), sessionId: name, by: name }),
  draining: z.object({ type: z.literal('draining') }),
  ping: z.object({ type: z.literal('ping') }),
}

const typed = z.object({ type: z.string() })

/** Reads a line of a control channel. Members that this node does not know are left out of it. */
export function readPeerMessage(line: string): ReadMessage {
  const parsed = typed.loose().safeParse(jsonOf(line))
  if (!parsed.success) return { ok: false }
  const { type } = parsed.data
  if (!Object.hasOwn(MESSAGES, type)) return { ok: true, message: undefined }
  const message = MESSAGES[type as PeerMessageType].safeParse(parsed.data)
  return message.success ? { ok: true, message: message.data as PeerMessage } : { ok: false }
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
