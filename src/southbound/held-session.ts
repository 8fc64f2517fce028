import { inBackground } from '../lib/background.js'
import { setTimeout as delay } from 'node:timers/promises'
import type { ChannelOpening, Link } from '../fleet/link.js'

/** Milliseconds before a held session that ended is opened again. */
const reopenDelay = 1_000

/** What a client greets with that will never ask for anything (RFC 6241 §8.1). */
const greeting =
  '<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>]]>]]>'

/**
 * Keeps one NETCONF session of our own open on a link, as RFC 8071 §3.1 C8 has the client start one:
 * libnetconf2 (and so netopeer2) takes a connection without a session for dead after ten seconds, hangs up and dials again.
 * It also dials again when the first session of a connection ends, so that one has to be ours.
 * Settles when the device has answered the first time; afterwards the session is opened anew whenever it ended, until the link ends or the device refuses it.
 */
export async function holdSession(link: Link): Promise<void> {
  const first = await openHeldSession(link)
  inBackground('link', keepOpen(link, first))
}

async function keepOpen(link: Link, first: ChannelOpening): Promise<void> {
  for (let opening = first; opening.ok || opening.cause === 'no-more-sessions'; opening = await openHeldSession(link)) {
    if (opening.ok) {
      await opening.channel.closed
      opening.channel.stream.end()
      if (opening.channel.linkEnd() !== undefined) return
    }
    await delay(reopenDelay, undefined, { ref: false })
  }
}

async function openHeldSession(link: Link): Promise<ChannelOpening> {
  const opening = await link.openChannel({ kind: 'subsystem', name: 'netconf' })
  if (!opening.ok) return opening
  const { stream, standardError } = opening.channel
  stream.on('error', () => undefined)
  stream.resume()
  standardError.resume()
  stream.write(greeting)
  return opening
}
