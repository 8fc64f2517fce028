import type { Duplex } from 'node:stream'
import { NETCONF_NS } from '../../src/netconf/xml/namespaces.js'
import { within } from '../e2e/parts/wait-for.js'
import { helloFor } from '../northbound/ssh/support/guarded-conversation.js'

const DELIMITER = ']]>]]>'

/** Milliseconds until a reply; longer than a reload or a re-key of a busy machine takes. */
const PATIENCE = 30_000

/** A NETCONF session of base:1.0 whose requests have message-ids of our own. */
export interface RpcSession {
  /** @returns the reply */
  readonly rpc: (messageId: string, operation: string) => Promise<string>
}

export async function openRpcSession(channel: Duplex): Promise<RpcSession> {
  let received = ''
  let look: () => void = () => undefined
  let over = false
  channel.on('data', (bytes: Buffer) => {
    received += bytes.toString('latin1')
    if (received.includes(DELIMITER, Math.max(0, received.length - bytes.length - DELIMITER.length))) look()
  })
  channel.once('close', () => {
    over = true
    look()
  })
  channel.on('error', () => undefined)
  const next = (what: string): Promise<string> =>
    within(
      PATIENCE,
      what,
      new Promise((resolve, reject) => {
        look = () => {
          const end = received.indexOf(DELIMITER)
          if (end === -1 && !over) return
          if (end === -1) return reject(new Error(`the session ended before ${what}`))
          const message = received.slice(0, end)
          received = received.slice(end + DELIMITER.length)
          resolve(message)
        }
        look()
      }),
    )
  channel.write(`${helloFor('end-of-message')}${DELIMITER}`)
  await next('the hello')
  return {
    rpc: async (messageId, operation) => {
      channel.write(`<rpc xmlns="${NETCONF_NS}" message-id="${messageId}">${operation}</rpc>${DELIMITER}`)
      const reply = await next(`the reply to ${messageId}`)
      if (!reply.includes(`message-id="${messageId}"`))
        throw new Error(`another reply than that to ${messageId}: ${reply.slice(0, 200)}`)
      return reply
    },
  }
}
