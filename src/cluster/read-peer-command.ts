import * as z from 'zod'
import { strangerText } from '../lib/stranger-text.js'
import { MAX_ASK_LENGTH, type NodeLife, type SessionAsk, type SessionNo } from './peer-messages.js'

/**
 * What the command of a channel between nodes is: the beginning of a control channel, on which the node that dialled
 * says lines from then on, or the ask for a session.
 */
export type PeerCommand =
  | { readonly kind: 'control'; readonly life: NodeLife }
  | { readonly kind: 'ask'; readonly ask: SessionAsk }
  | { readonly kind: 'neither'; readonly why: string }

/** The command that begins a control channel. */
export function controlCommand({ node, incarnation }: NodeLife): string {
  return JSON.stringify({ v: 1, control: { node, incarnation } })
}

const MAX_TEXT = MAX_ASK_LENGTH

const text = z.string().max(MAX_TEXT)
const count = z.number().int().min(0)
const port = z.number().int().min(1).max(65_535)
const life = z.object({ node: z.string().max(63), incarnation: count })

const terminal = z.object({ type: text, columns: count, rows: count, width: count, height: count, modes: z.base64() })
const ofSession = {
  terminal: terminal.optional(),
  environment: z
    .array(z.object({ name: text, value: text }))
    .max(256)
    .optional(),
}
const request = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('tcp'), port }),
  z.object({ kind: z.literal('subsystem'), name: text, ...ofSession }),
  z.object({ kind: z.literal('exec'), command: text, ...ofSession }),
  z.object({ kind: z.literal('shell'), ...ofSession }),
])
const ask = z.object({
  v: count,
  deviceId: text,
  owner: life.extend({ epoch: count }),
  request,
  client: z.object({ user: text, source: text, via: z.enum(['ssh', 'http']), node: z.string().max(63).optional() }),
  account: text.optional(),
  keyExchange: z.object({ name: text, postQuantum: z.boolean() }).optional(),
  sessionId: z.string().min(1).max(64),
  traceparent: z.string().max(256).optional(),
  wait: z.number().min(0),
})
const command = z.union([z.object({ control: life }), ask])

export function readPeerCommand(line: string): PeerCommand {
  if (Buffer.byteLength(line) > MAX_ASK_LENGTH)
    return { kind: 'neither', why: `a command of more than ${MAX_ASK_LENGTH} bytes` }
  const read = command.safeParse(jsonOf(line))
  if (!read.success) return { kind: 'neither', why: `the command ${JSON.stringify(strangerText(line, 100))}` }
  // A member that is absent stays absent: nothing here makes one `undefined`.
  if ('control' in read.data) return { kind: 'control', life: read.data.control }
  return { kind: 'ask', ask: read.data as SessionAsk }
}

const no = z.object({
  reason: z.string().min(1).max(100),
  message: z.string().max(MAX_TEXT),
  hint: z.string().max(MAX_TEXT).default(''),
  retry: z.boolean().default(false),
  holder: life.extend({ epoch: count, provenAt: z.number() }).optional(),
})

/** Why there is no session, or none any more, as the node says that has the device; undefined for anything else. */
export function readSessionNo(line: string): SessionNo | undefined {
  const read = no.safeParse(jsonOf(line))
  return read.success ? (read.data as SessionNo) : undefined
}

/** What a node says of a session that it has opened, where there is something to say. */
export interface SessionYes {
  /** The device opened the channel without the terminal that was asked for. */
  readonly terminalRefused: boolean
}

const yes = z.object({ terminalRefused: z.boolean().default(false) })

export function readSessionYes(line: string): SessionYes {
  const read = yes.safeParse(jsonOf(line))
  return read.success ? read.data : { terminalRefused: false }
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
