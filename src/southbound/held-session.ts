import { setTimeout as delay } from 'node:timers/promises'
import type { Link } from '../fleet/link.js'

/** Milliseconds before a held session that ended is opened again. */
const reopenDelay = 1_000

/** What a client greets with that will never ask for anything (RFC 6241 §8.1). */
const greeting =
  '<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>]]>]]>'

/**
 * Keeps one NETCONF session of our own open on a link, as RFC 8071 §3.1 C8 has the client start one:
 * libnetconf2 (and so netopeer2) takes a connection without a session for dead after ten seconds, hangs up and dials again.
 * It ends with the link, and is given up when the device refuses it.
 */
export async function holdSession(link: Link): Promise<void> {
  for (;;) {
    const opening = await link.openChannel({ kind: 'subsystem', name: 'netconf' })
    if (!opening.ok && opening.cause !== 'no-more-sessions') return
    if (opening.ok) {
      const { channel } = opening
      channel.stream.on('error', () => undefined)
      channel.stream.resume()
      channel.standardError.resume()
      channel.stream.write(greeting)
      await channel.closed
      channel.stream.end()
      if (channel.linkEnd() !== undefined) return
    }
    await delay(reopenDelay, undefined, { ref: false })
  }
}
