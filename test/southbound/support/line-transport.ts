import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { Duplex, PassThrough } from 'node:stream'
import type { DeviceChannel, Link, LinkEnd } from '../../../src/fleet/link.js'
import { callHomeRefusal } from '../../../src/fleet/refusals/call-home.js'
import { linkEnd } from '../../../src/fleet/refusals/link-ends.js'
import type { Identity, Proof, ProvingCall, Transport } from '../../../src/southbound/transport.js'
import type { KnownDevices } from '../../../src/trust/known-devices.js'
import { hostKeyRefusal } from '../../../src/trust/ssh/host-key-refusals.js'
import { keyFingerprint } from '../../../src/trust/ssh/key-fingerprint.js'

/**
 * A transport as small as can be, to show that nothing but a transport knows what a device speaks. All is lines:
 * the device says `I AM <id>` (`I AM -` where its key alone shall tell), the bridge `PROVE`, the device `KEY <base64>`,
 * the bridge `LOGIN`, the device `WELCOME` or `NO`. What follows is the one session of the connection, as over TLS.
 */
export function createLineTransport(): Transport {
  return {
    kind: 'line',
    listen: (take) => createServer({ pauseOnConnect: true }, take),
    readClaim: async (socket) => {
      const [, id] = /^I AM (\S+)$/.exec(await readLine(socket)) ?? []
      if (id === undefined)
        return { ok: false, refusal: callHomeRefusal('initiation-malformed', 'says no id', 'say one') }
      return { ok: true, claim: id === '-' ? { form: 'none', deviceIds: [] } : { form: 'calix', deviceIds: [id] } }
    },
    prove,
  }
}

async function prove({ socket, source, claim, known, decision }: ProvingCall): Promise<Proof> {
  socket.write('PROVE\n')
  const key = Buffer.from(/^KEY (\S+)$/.exec(await readLine(socket))?.[1] ?? '', 'base64')
  const deviceId = claim.deviceIds[0] ?? known().byPin(key)[0]?.id ?? ''
  let objection = objectionTo(deviceId, key, known())
  if (objection?.reason === 'pending') {
    const gone = new AbortController()
    const abort = (): void => gone.abort()
    socket.once('close', abort)
    await decision({ deviceId, key }, gone.signal)
    socket.off('close', abort)
    objection = objectionTo(deviceId, key, known())
  }
  if (objection !== undefined) return { ok: false, refusal: objection, key }
  const identity: Identity = {
    deviceId,
    key,
    because: 'pin',
    pin: false,
    objection: () => objectionTo(deviceId, key, known()),
  }
  return {
    ok: true,
    identity,
    open: async () => {
      socket.write('LOGIN\n')
      if ((await readLine(socket)) !== 'WELCOME')
        return {
          ok: false,
          refusal: { ...callHomeRefusal('login-failed', 'it says no', undefined, undefined), deviceId },
        }
      return { ok: true, link: createLineLink(socket, source, identity), identity }
    },
  }
}

function objectionTo(deviceId: string, key: Buffer, known: KnownDevices) {
  const device = known.byId(deviceId)
  if (device?.rejected) return { ...hostKeyRefusal('rejected', key, deviceId), deviceId }
  if (device?.pins.some(({ blob }) => blob.equals(key))) return undefined
  return (device?.pins.length ?? 0) > 0
    ? { reason: 'host-key-not-pinned' as const, message: 'shows another key', hint: 'compare it', deviceId }
    : { reason: 'pending' as const, message: 'nothing vouches for it', hint: 'approve it', deviceId }
}

function createLineLink(socket: Socket, source: string, { deviceId, key, objection }: Identity): Link {
  let over: LinkEnd | undefined
  let end: LinkEnd | undefined
  let leased = false
  const ended = new Promise<LinkEnd>((resolve) => {
    socket.once('close', () => {
      over = end ?? linkEnd('lost', undefined)
      resolve(over)
    })
  })
  const standardError = new PassThrough()
  standardError.end()
  const channel: DeviceChannel = {
    stream: streamOver(socket),
    standardError,
    closed: ended.then(() => ({})),
    ended: () => socket.readableEnded,
    terminalRefused: false,
    resize: () => undefined,
    signal: () => undefined,
    sendBreak: () => undefined,
    linkEnd: () => end,
    close: () => void socket.destroy(),
  }
  return {
    deviceId,
    source,
    hostKeyFingerprint: keyFingerprint(key).fingerprint,
    software: 'lines',
    provenBy: 'pin',
    capacity: { channels: 1, subsystems: ['netconf'] },
    ended,
    openChannel: async () => {
      if (over !== undefined) return { ok: false, cause: 'link-closed', message: 'the link ended' }
      if (leased) return { ok: false, cause: 'no-more-sessions', message: 'its one session is in use' }
      leased = true
      return { ok: true, channel }
    },
    lostChannels: () => 0,
    onChannelLost: () => undefined,
    probe: () => Promise.resolve(),
    stillProven: () => objection() === undefined,
    end: (reason) => {
      end ??= reason
      socket.destroy()
    },
  }
}

/** The bytes of a socket that was read before, as a stream that nobody has read from. */
function streamOver(socket: Socket): Duplex {
  const stream = new Duplex({
    read: () => void socket.resume(),
    write: (bytes: Buffer, _encoding, done) => void socket.write(bytes, () => done()),
    final: (done) => void socket.end(done),
  })
  socket.on('data', (bytes: Buffer) => {
    if (!stream.push(bytes)) socket.pause()
  })
  socket.once('close', () => stream.push(null))
  return stream
}

/** Reads up to the end of a line, and leaves what follows on the socket, paused. An empty line where it was closed. */
export async function readLine(socket: Socket): Promise<string> {
  let text = ''
  while (!text.includes('\n')) {
    const chunk = socket.read() as Buffer | null
    if (chunk !== null) text += chunk.toString()
    else if (socket.readableEnded || socket.destroyed) return ''
    else await Promise.race([once(socket, 'readable'), once(socket, 'close')])
  }
  const [line = ''] = text.split('\n')
  const rest = text.slice(line.length + 1)
  if (rest !== '') socket.unshift(rest)
  socket.pause()
  return line
}
