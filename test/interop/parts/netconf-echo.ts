import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { within } from '../../e2e/parts/wait-for.js'
import { SOON } from './pattern.js'

const END = ']]>]]>'
const NS = 'urn:ietf:params:xml:ns:netconf:base:1.0'
const HELLO = `<hello xmlns="${NS}"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>`

const greeted = new WeakSet<Duplex>()
let messages = 0

/** What `echo` is, where a device speaks NETCONF: so many bytes are written into its candidate, and read from there. */
export async function netconfEcho(channel: Duplex, bytes: number, seed = 0): Promise<void> {
  if (!greeted.has(channel)) {
    greeted.add(channel)
    channel.write(`${HELLO}${END}`)
    await message(channel)
  }
  const text = `${seed}`.padEnd(bytes, 'homeport ').trimEnd()
  const box = `<box xmlns="urn:homeport:test"><name>${text}</name></box>`
  const config = `<config>${box}</config>`
  await ask(channel, `<edit-config><target><candidate/></target>${config}</edit-config>`, '<ok/>')
  await ask(channel, '<get-config><source><candidate/></source></get-config>', `>${text}<`)
}

/** Takes leave of it. */
export async function closeSession(channel: Duplex): Promise<void> {
  const closed = once(channel, 'close')
  await ask(channel, '<close-session/>', '<ok/>')
  channel.resume()
  await within(SOON, 'the channel to be closed', closed)
}

async function ask(channel: Duplex, operation: string, expected: string): Promise<void> {
  messages += 1
  const answer = message(channel)
  answer.catch(() => undefined)
  channel.write(`<rpc xmlns="${NS}" message-id="${messages}">${operation}</rpc>${END}`)
  const reply = await answer
  if (!reply.includes(expected)) throw new Error(`it answered ${reply.length} bytes: ${reply.slice(0, 300)}`)
}

function message(channel: Duplex): Promise<string> {
  let heard = ''
  const whole = new Promise<string>((resolve, reject) => {
    const closed = (): void => reject(new Error(`the channel was closed after ${heard.length} bytes of a message`))
    const take = (chunk: Buffer): void => {
      heard += chunk.toString('latin1')
      if (!heard.includes(END, heard.length - chunk.length - END.length)) return
      channel.off('data', take).off('close', closed)
      resolve(heard.slice(0, heard.indexOf(END)))
    }
    channel.on('data', take).once('close', closed)
  })
  return within(3 * SOON, () => `a message; ${heard.length} bytes are there`, whole)
}
