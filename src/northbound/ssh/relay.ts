import { finished } from 'node:stream/promises'
import type { ServerChannel } from 'ssh2'
import type { DeviceChannel, Exit, LinkEnd } from '../../fleet/link.js'
import { sendEof, sendExit } from '../../ssh/ssh2-internals.js'

/** How a relay ended, and the octets it carried each way. */
export interface RelayEnd {
  readonly by: 'device' | 'client' | 'link'
  readonly exit?: Exit
  readonly linkEnd?: LinkEnd
  readonly fromClient: number
  readonly fromDevice: number
}

/** Milliseconds that a device gets to take what a client that left had still sent. */
const lastOctetsTimeout = 5_000

/**
 * Carries octets between a client's channel and a device's, untouched, until either side closes:
 * data with back-pressure both ways, the device's standard error, EOF each way on its own, exit status or signal, close.
 * @param clientGone settles when the client closed its channel or its connection was lost
 * @param explain tells the client, on standard error, why the link under its session ended
 */
export async function relay(
  client: ServerChannel,
  device: DeviceChannel,
  clientGone: Promise<void>,
  explain: (end: LinkEnd) => string,
): Promise<RelayEnd> {
  let fromClient = 0
  let fromDevice = 0
  client.pipe(device.stream)
  client.on('data', (octets: Buffer) => {
    fromClient += octets.length
  })
  device.stream.pipe(client, { end: false })
  device.stream.on('data', (octets: Buffer) => {
    fromDevice += octets.length
  })
  device.standardError.pipe(client.stderr, { end: false })
  // After EOF nothing more may be said on standard error, and the end of a link has to be explained there.
  void Promise.all([endOf(device.stream), endOf(device.standardError)])
    .then(() => allFlushed(client))
    .then(() => device.linkEnd() ?? sendEof(client))

  const first = await Promise.race([
    device.closed.then((closing) => ({ by: 'device' as const, ...closing })),
    clientGone.then(() => ({ by: 'client' as const })),
  ])

  if (first.by === 'client') {
    device.stream.unpipe(client)
    device.stream.resume()
    device.standardError.unpipe(client.stderr)
    device.standardError.resume()
    await within(lastOctetsTimeout, finished(device.stream, { readable: false }))
    device.close()
    return { by: 'client', fromClient, fromDevice }
  }

  client.unpipe(device.stream)
  client.resume()
  await Promise.race([allFlushed(client), clientGone])
  const lost = device.linkEnd()
  if (lost !== undefined && first.exit === undefined) {
    client.stderr.write(explain(lost))
    await Promise.race([allFlushed(client), clientGone])
    sendExit(client, { status: 1 })
  } else if (first.exit !== undefined) sendExit(client, first.exit)
  sendEof(client)
  client.close()
  return {
    by: lost === undefined ? 'device' : 'link',
    ...(first.exit === undefined ? {} : { exit: first.exit }),
    ...(lost === undefined ? {} : { linkEnd: lost }),
    fromClient,
    fromDevice,
  }
}

/** Settles once everything that a stream will ever give was read. */
function endOf(stream: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve) => stream.once('end', resolve))
}

async function allFlushed(client: ServerChannel): Promise<void> {
  await Promise.all([flushed(client), flushed(client.stderr)])
}

/** Settles once everything written to a stream so far was handed on. */
function flushed(stream: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.writable) stream.write(Buffer.alloc(0), () => resolve())
    else resolve()
  })
}

/** Settles with the work or after so many milliseconds, however the work ends. */
async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds)
  })
  await Promise.race([work.catch(() => undefined), timeout])
  clearTimeout(timer)
}
