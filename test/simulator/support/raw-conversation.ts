import { CAPABILITY } from '../../../src/netconf/capabilities.js'
import { createFrameDecoder } from '../../../src/netconf/framing/frame-decoder.js'
import { encodeFrame } from '../../../src/netconf/framing/frame-encoder.js'
import type { Framing } from '../../../src/netconf/framing/framing.js'
import { agreeFraming, buildHello, parseHello } from '../../../src/netconf/hello.js'
import { serialiseXml } from '../../../src/netconf/xml/xml-serialise.js'
import { createNetconfServer, type NetconfServerOptions } from '../../../src/simulator/netconf-server.js'
import { channelPair, serveOn } from './netconf-client.js'

/** A conversation with a server in raw messages, whether or not they make sense; destroy `near` at the end. */
export function converse(options: Partial<NetconfServerOptions> = {}, bases: readonly string[] = [CAPABILITY.base10]) {
  const server = createNetconfServer({ deviceId: 'r1', ...options })
  const [near, far] = channelPair()
  const exits: number[] = []
  serveOn(server, far, (status) => exits.push(status))
  const decoder = createFrameDecoder()
  let framing: Framing = 'end-of-message'
  const messages = (async function* () {
    for await (const bytes of near) {
      decoder.push(bytes)
      for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
        if (frame.kind === 'message') yield frame.bytes.toString()
      }
    }
  })()
  const next = async () => (await messages.next()).value ?? 'the end'
  const greeting = serialiseXml(buildHello({ capabilities: bases }))
  return {
    server,
    near,
    exits,
    next,
    hello: async () => {
      const hello = await next()
      const parsed = parseHello(hello)
      const agreed = agreeFraming(bases, parsed.ok ? parsed.value.capabilities : [])
      framing = agreed.ok ? agreed.value : framing
      near.write(encodeFrame('end-of-message', greeting))
      decoder.switchTo(framing)
      return hello
    },
    say: (message: string) => near.write(encodeFrame(framing, message)),
    greeting,
  }
}
