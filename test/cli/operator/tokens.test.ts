import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bridgeSocketIn } from '../../../src/app/bridge-socket.js'
import { findBridge } from '../../../src/cli/operator/find-bridge.js'
import { tokenCommand } from '../../../src/cli/operator/tokens.js'
import { createApp } from '../../../src/northbound/http/app.js'
import { type ServedSocket, serveOnSocket } from '../../../src/northbound/http/server/unix-socket.js'
import { fleetInMemory } from '../../northbound/http/fleet-in-memory.js'
import { recordedLog } from '../../northbound/http/recorded-log.js'
import { recordedIo } from '../recorded-io.js'

let cwd = ''
let served: ServedSocket | undefined

beforeEach(async () => {
  cwd = realpathSync(mkdtempSync(join(tmpdir(), 'homeport-tokens-')))
  mkdirSync(join(cwd, 'state'))
  writeFileSync(join(cwd, 'homeport.yaml'), 'data-dir: state\n')
  const { log } = recordedLog()
  const app = createApp({ ...fleetInMemory({}), log })
  const serving = await serveOnSocket(app, { path: bridgeSocketIn(join(cwd, 'state')), log })
  if (!serving.ok) throw new Error(serving.failure.message)
  served = serving.served
})
afterEach(async () => {
  await served?.close()
  rmSync(cwd, { recursive: true })
})

async function token(action: string, ...args: readonly string[]) {
  const { io, output } = recordedIo({ cwd })
  const command = tokenCommand(io)
  for (const each of [command, ...command.commands]) each.exitOverride().configureOutput({ writeErr: () => undefined })
  await command.parseAsync([action, '--config', 'homeport.yaml', ...args], { from: 'user' })
  const { stdout, stderr, status } = output
  return { stdout, stderr, status }
}

describe('token', () => {
  it('create prints it alone; list and revoke know it by its id', async () => {
    expect(await token('list')).toEqual({ stdout: 'no tokens\n', stderr: '', status: 0 })
    const narrowed = [
      '--scope',
      'read',
      'rpc',
      '--devices',
      'site=x',
      '--expires',
      '30d',
      '--description',
      'for\u001b[2J',
    ]
    const { stdout, status } = await token('create', '--user', 'ann', ...narrowed)
    expect(status).toBe(0)
    expect(stdout).toMatch(/^hp_[0-9a-z]{12}_[\w-]{43}\n$/)
    const id = stdout.split('_')[1] ?? ''
    const listed = await token('list')
    expect(listed.stdout).toMatch(
      new RegExp(`^${id}  ann   good   read,rpc  site=x   20[^ ]+ [^ ]+Z  never      for`, 'm'),
    )
    expect(listed.stdout).not.toContain('\u001b')
    expect(await token('revoke', id)).toEqual({ stdout: `revoked: ${id}\n`, stderr: '', status: 0 })
    expect((await token('list')).stdout).toMatch(/ann {3}revoked/)
  })

  it('of a user that there is not', async () => {
    const { stderr, status, stdout } = await token('create', '--user', 'nobody')
    expect([stdout, status]).toEqual(['', 2])
    expect(stderr).toMatch(/^homeport: there is no user "nobody"\n/)
  })

  it.each([
    ['create', ['--user', 'ann', '--expires', '30']],
    ['create', ['--user', 'ann', '--expires', '0d']],
    ['create', ['--user', 'ann', '--scope', 'root']],
    ['create', []],
  ])('%s %j is wrong usage', async (action, words) => {
    await expect(token(action, ...words)).rejects.toMatchObject({ name: 'CommanderError' })
  })

  it('revoke takes an id, not a whole token', async () => {
    expect(await token('revoke', `hp_${'a'.repeat(12)}_${'x'.repeat(43)}`)).toMatchObject({ status: 2, stdout: '' })
  })
})

describe('HOMEPORT_URL', () => {
  const find = (env: Record<string, string>) => findBridge({ env, cwd })

  it('never gets the token without TLS, but on this machine', () => {
    const clear = find({ HOMEPORT_URL: 'http://bridge.example.net', HOMEPORT_TOKEN: 't' })
    expect(clear).toMatchObject({
      ok: false,
      problem: { message: 'HOMEPORT_URL would send the token without TLS', status: 2 },
    })
    for (const url of ['https://bridge.example.net', 'http://127.0.0.1:8080', 'http://[::1]:8080', 'http://localhost'])
      expect(find({ HOMEPORT_URL: url, HOMEPORT_TOKEN: 't' }).ok, url).toBe(true)
  })

  it('trusts the certificates of HOMEPORT_CA_FILE', () => {
    writeFileSync(join(cwd, 'ca.crt'), 'PEM')
    const found = find({ HOMEPORT_URL: 'https://b', HOMEPORT_CA_FILE: 'ca.crt' })
    expect(found).toMatchObject({ ok: true, location: { ca: Buffer.from('PEM') } })
    expect(find({ HOMEPORT_URL: 'https://b', HOMEPORT_CA_FILE: 'none.crt' })).toMatchObject({
      ok: false,
      problem: { message: `HOMEPORT_CA_FILE: ${join(cwd, 'none.crt')} cannot be read (ENOENT)`, status: 2 },
    })
  })
})
