import { once } from 'node:events'
import ssh2 from 'ssh2'
import { openWithHugeWindow, stopReading } from '../../e2e/support/huge-window.js'
import { openNetconf } from '../../e2e/support/test-client.js'
import type { Benchmark } from '../figure.js'
import { type Lab, openLab } from '../parts/lab.js'
import { openPipe } from '../parts/netconf-pipe.js'
import { type HomeportPath, homeportPath } from '../paths/homeport-path.js'

const hello =
  '<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>]]>]]>'

const control = 'no such peer'

export const hostilePeers: Benchmark = {
  name: 'hostile-peers',
  about:
    'memory of the bridge with a client that grants a huge window and reads nothing, and a device that reads nothing',
  quick: false,
  run: async ({ rounds }) => {
    const lab = await openLab()
    try {
      const path = await homeportPath(lab)
      // What a bulk reply needs it keeps: growth counts from there.
      const pipe = await openPipe(path.ssh)
      lab.onEnd(pipe.stop)
      for (let round = 0; round < 4; round += 1) await pipe.rpc('<get octets="200000000"/>')
      /**
       * What it holds on to while bulk replies pass: what the last of them left for the collector comes and goes by
       * megabytes.
       */
      const held = async (): Promise<number> => {
        const readings: number[] = []
        for (let reading = 0; reading < 8; reading += 1) {
          await pipe.rpc('<get octets="50000000"/>')
          readings.push(await path.bridge.residentMemory())
        }
        return Math.min(...readings)
      }
      const subjects = [
        { name: control, grow: () => Promise.resolve(() => undefined) },
        { name: 'client reads nothing', grow: async () => stall(await logIn(lab, path)) },
        { name: 'device reads nothing', grow: async () => flood(await logIn(lab, path)) },
      ]
      const measured = []
      for (const { name, grow } of subjects) {
        const samples: number[] = []
        for (let round = 0; round < rounds; round += 1) {
          const before = await held()
          const stop = await grow()
          samples.push(((await held()) - before) / 1e6)
          stop()
        }
        measured.push({ path: name, value: Math.max(...samples), samples })
      }
      return [
        {
          title: 'Growth of the bridge for a peer that does not read, worst',
          unit: 'MB',
          measured,
          promised: measured
            .filter(({ path: what }) => what !== control)
            .map(({ path: what, value }) => ({ what, value, bound: 'at most' as const, allowed: 16 })),
        },
      ]
    } finally {
      await lab.end()
    }
  },
}

async function logIn({ loginKeyText }: Lab, { login }: HomeportPath): Promise<InstanceType<typeof ssh2.Client>> {
  const client = new ssh2.Client()
  client.on('error', () => undefined)
  client.connect({ ...login, privateKey: loginKeyText })
  await once(client, 'ready')
  return client
}

/** Asks for a gigabyte, grants all of it, and reads no more than its beginning. */
async function stall(client: InstanceType<typeof ssh2.Client>): Promise<() => void> {
  const channel = await openWithHugeWindow(client)
  channel.write(`${hello}<rpc message-id="1"><get octets="1000000000"/></rpc>]]>]]>`)
  await once(channel, 'data')
  stopReading(client)
  return () => client.destroy()
}

/**
 * Sends what the device does not read, since it answers first and that answer is not read: as much of 64 MiB as it is
 * granted.
 */
async function flood(client: InstanceType<typeof ssh2.Client>): Promise<() => void> {
  const channel = await openNetconf(client)
  channel.write(`${hello}<rpc message-id="1"><get octets="1000000000"/></rpc>]]>]]>`)
  await once(channel, 'data')
  channel.pause()
  channel.write(Buffer.alloc(64 * 1024 * 1024, ' '))
  return () => client.destroy()
}
