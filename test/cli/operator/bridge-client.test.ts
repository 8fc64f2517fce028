import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { askBridge } from '../../../src/cli/operator/bridge-client.js'

let directory = ''
let path = ''
let stop = (): Promise<unknown> => Promise.resolve()

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'homeport-client-'))
  path = join(directory, 's')
})
afterEach(async () => {
  await stop()
  rmSync(directory, { recursive: true })
})

async function listen(listener: RequestListener): Promise<void> {
  const server = createServer(listener).listen(path)
  await once(server, 'listening')
  stop = () =>
    new Promise((resolve) => {
      server.close(resolve)
      server.closeAllConnections()
    })
}

const ask = (timeout?: number) =>
  askBridge(
    { kind: 'socket', path },
    { method: 'GET', path: '/healthz', ...(timeout === undefined ? {} : { timeout }) },
  )

describe('a bridge that misbehaves', () => {
  it('does not answer at all', async () => {
    await listen(() => undefined)
    expect(await ask(50)).toMatchObject({
      ok: false,
      problem: { message: `the bridge on ${path} does not answer in time`, status: 1 },
    })
  })

  it('stops in the middle of its answer', async () => {
    await listen((_, response) => void response.writeHead(200).write('{"status":'))
    expect(await ask(50)).toMatchObject({ ok: false, problem: { status: 1 } })
  })

  it('hangs up in the middle of its answer', async () => {
    await listen((_, response) => {
      response.writeHead(200, { 'Content-Length': 100 }).write('{"status":')
      setImmediate(() => response.destroy())
    })
    expect(await ask()).toMatchObject({
      ok: false,
      problem: { message: `no bridge answers on ${path}: ECONNRESET`, status: 1 },
    })
  })

  it('answers without end', async () => {
    await listen((_, response) => {
      response.on('drain', () => response.write('x'.repeat(1 << 20)))
      response.write('x'.repeat(1 << 20))
    })
    expect(await ask()).toMatchObject({
      ok: false,
      problem: { message: expect.stringContaining('more than 67108864 octets') as string },
    })
  })
})
