import { createConfigRecord } from '../../src/app/config-record.js'
import { chmod, lstat, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startBridge } from '../../src/app/bridge.js'
import { operatorSockets } from '../../src/app/bridge-socket.js'
import { bridgeSchema } from '../../src/northbound/http/routes/bridge.js'
import { configOf } from '../config/parse-text.js'
import { recordedLog } from '../northbound/http/recorded-log.js'
import { giveRsaHostKey } from '../support/rsa-host-key.js'

let directory: string
let run: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'homeport-sockets-'))
  await giveRsaHostKey(directory)
  run = join(directory, 'run')
  await mkdir(run, { mode: 0o750 })
})
afterEach(async () => {
  for (const name of ['RUNTIME_DIRECTORY', 'SYSTEMD_EXEC_PID']) delete process.env[name]
  await rm(directory, { recursive: true, force: true })
})

/** What `operatorSockets` says to a process of this number with this environment. */
const sockets = (env: Readonly<Record<string, string>>, pid = 7) => operatorSockets('/data', { env, pid })
const IN_DATA_DIR = { path: '/data/homeport.sock', group: false, from: 'data-dir' }

describe('the sockets of a bridge', () => {
  it('are one in data-dir, and one for its group in the runtime directory of its service', () => {
    const inRun = { path: join(run, 'homeport.sock'), group: true, from: 'RUNTIME_DIRECTORY' }
    expect(sockets({})).toEqual({ sockets: [IN_DATA_DIR] })
    expect(sockets({ RUNTIME_DIRECTORY: '' })).toEqual({ sockets: [IN_DATA_DIR] })
    expect(sockets({ RUNTIME_DIRECTORY: run })).toEqual({ sockets: [IN_DATA_DIR, inRun] })
    expect(sockets({ RUNTIME_DIRECTORY: `${run}:/run/other`, SYSTEMD_EXEC_PID: '7' })).toEqual({
      sockets: [IN_DATA_DIR, inRun],
    })
  })

  it('are not in the runtime directory of another process that started this one', () => {
    expect(sockets({ RUNTIME_DIRECTORY: run, SYSTEMD_EXEC_PID: '6' })).toEqual({ sockets: [IN_DATA_DIR] })
  })

  it('are not where others may put another one in their place', async () => {
    for (const mode of [0o770, 0o757]) {
      await chmod(run, mode)
      expect(sockets({ RUNTIME_DIRECTORY: run })).toEqual({ sockets: [IN_DATA_DIR], unsafe: run })
    }
  })

  it('both answer while it runs, each to whom it is for, and go with it', async () => {
    Object.assign(process.env, { RUNTIME_DIRECTORY: run, SYSTEMD_EXEC_PID: String(process.pid) })
    const bridge = await startBridge(
      config(),
      recordedLog().log,
      createConfigRecord('/etc/homeport/homeport.yaml', new Map()),
    )
    const [own, shared] = [join(directory, 'homeport.sock'), join(run, 'homeport.sock')]
    try {
      expect(await statusOf(own)).toBe(200)
      expect(await statusOf(shared)).toBe(200)
      const { addresses, openFiles, process: itself } = await about(own)
      expect(addresses).toEqual({ ...bridge.addresses, furtherEndpoints: [], legacyEndpoint: null, http: null })
      expect(openFiles.limit).toBeGreaterThan(256)
      expect(openFiles.wanted).toBeGreaterThan(16_384)
      expect(itself).toMatchObject({ pid: process.pid, config: '/etc/homeport/homeport.yaml', dataDir: directory })
      expect((await lstat(own)).mode & 0o777).toBe(0o600)
      expect((await lstat(shared)).mode & 0o777).toBe(0o660)
    } finally {
      await bridge.stop()
    }
    await expect(lstat(own)).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(lstat(shared)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('say which of them cannot be made', async () => {
    Object.assign(process.env, { RUNTIME_DIRECTORY: join(directory, 'gone'), SYSTEMD_EXEC_PID: String(process.pid) })
    await expect(startBridge(config(), recordedLog().log)).rejects.toMatchObject({
      message: `RUNTIME_DIRECTORY: there is no directory ${join(directory, 'gone')}`,
      hint: expect.stringContaining('RuntimeDirectory='),
    })
  })
})

function config() {
  const local = { address: '127.0.0.1', port: 0 }
  const endpoint = { ssh: local, http: { port: 'none' } }
  const file = { 'call-home': { ssh: local }, endpoint, 'drain-timeout': '0s', 'data-dir': directory }
  return configOf(JSON.stringify(file))
}

async function statusOf(socketPath: string): Promise<number | undefined> {
  return (await get(socketPath, '/api/v1/devices')).status
}

async function about(socketPath: string) {
  return bridgeSchema.parse(JSON.parse((await get(socketPath, '/api/v1/bridge')).body))
}

function get(
  socketPath: string,
  path: string,
): Promise<{ readonly status: number | undefined; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, agent: false }, (answer) => {
      text(answer).then((body) => resolve({ status: answer.statusCode, body }), reject)
    })
    asked.once('error', reject)
    asked.end()
  })
}
