import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { askBridge } from '../../../src/cli/operator/bridge-client.js'
import { type BridgeChoice, findBridge } from '../../../src/cli/operator/find-bridge.js'

let cwd = ''
let serviceSocket = ''
const ends: (() => Promise<unknown>)[] = []

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'homeport-where-'))
  serviceSocket = join(cwd, 'run/homeport.sock')
})
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
  rmSync(cwd, { recursive: true })
})

const find = (choice: BridgeChoice = {}, env: Readonly<Record<string, string>> = {}) =>
  findBridge({ env, cwd }, choice, { serviceSocket, places: ['homeport.yaml'] })

/** A bridge on this socket of the directory, which says its name. */
async function serve(name: string): Promise<void> {
  const path = join(cwd, name)
  mkdirSync(dirname(path), { recursive: true })
  const server = createServer((_, response) => response.end(JSON.stringify(name))).listen(path)
  await once(server, 'listening')
  ends.push(async () => void server.close())
}

/** Which bridge answers, or what is said where none does. */
async function answering(choice: BridgeChoice = {}, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const found = find(choice, env)
  if (!found.ok) return [found.problem.message, ...(found.problem.more ?? [])].join('\n')
  const answer = await askBridge(found.location, { method: 'GET', path: '/' })
  if (answer.ok) return String(JSON.parse(answer.text))
  const { message, hint = '', more = [] } = answer.problem
  return [message, hint, ...more].join('\n')
}

function configure(file: string, dataDir: string): void {
  writeFileSync(join(cwd, file), `credentials: { a: { username: x, password: "\${UNSET}" } }\ndata-dir: ${dataDir}\n`)
}

describe('the bridge that a command asks', () => {
  it('is the one that is named, else that of the service, else that of the configuration found', async () => {
    configure('homeport.yaml', 'here')
    configure('named.yaml', 'there')
    for (const name of ['here/homeport.sock', 'there/homeport.sock', 'own.sock']) await serve(name)
    expect(await answering()).toBe('here/homeport.sock')
    await serve('run/homeport.sock')
    expect(await answering()).toBe('run/homeport.sock')
    expect(await answering({ config: 'named.yaml' })).toBe('there/homeport.sock')
    expect(await answering({}, { HOMEPORT_CONFIG: 'named.yaml' })).toBe('there/homeport.sock')
    expect(await answering({ config: 'named.yaml' }, { HOMEPORT_SOCKET: 'own.sock' })).toBe('own.sock')
    expect(await answering({ socket: 'here/homeport.sock' }, { HOMEPORT_SOCKET: 'own.sock' })).toBe(
      'here/homeport.sock',
    )
    expect(find({ config: 'named.yaml' }, { HOMEPORT_URL: 'https://far.example' })).toMatchObject({
      location: { kind: 'url', url: new URL('https://far.example') },
    })
  })

  it('is not looked for where two things are said', () => {
    expect(find({ socket: 's' }, { HOMEPORT_URL: 'https://far.example' })).toMatchObject({
      ok: false,
      problem: { status: 2, message: expect.stringMatching(/HOMEPORT_URL and --socket/) as string },
    })
  })

  it('is not replaced by that of the service where a named one does not run', async () => {
    configure('named.yaml', 'there')
    await serve('run/homeport.sock')
    const told = await answering({ config: 'named.yaml' })
    expect(told).toContain(
      `no bridge answers on ${join(cwd, 'there/homeport.sock')} (the data-dir of named.yaml): start it with homeport serve`,
    )
    expect(await answering({ socket: 'gone.sock' })).toContain(`no bridge answers on ${join(cwd, 'gone.sock')}: `)
    expect(find({ config: 'gone.yaml' })).toMatchObject({
      ok: false,
      problem: { status: 2, more: ['gone.yaml: there is no such file', expect.any(String)] },
    })
  })

  it('is told to be nowhere with every socket and configuration that was tried, and what to do', async () => {
    expect(await answering()).toMatch(
      new RegExp(
        `^no bridge answers on ${serviceSocket}: start it.*\n.*--socket PATH.*\n.*no configuration file is found`,
      ),
    )
    configure('homeport.yaml', 'here')
    const own = join(cwd, 'here/homeport.sock')
    expect(await answering()).toContain(
      `no bridge answers on ${serviceSocket}, nor on ${own} (the data-dir of homeport.yaml): start it with homeport serve`,
    )
    writeFileSync(join(cwd, 'homeport.yaml'), 'data-dir: ${UNSET}')
    expect(await answering()).toContain('homeport.yaml: data-dir: the environment variable UNSET is not set')
  })

  it('is not there where a dead one has left its socket', async () => {
    configure('homeport.yaml', 'here')
    await serve('here/homeport.sock')
    mkdirSync(join(cwd, 'run'))
    writeFileSync(serviceSocket, '')
    expect(await answering()).toBe('here/homeport.sock')
  })
})
