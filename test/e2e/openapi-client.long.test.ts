import { execFile } from 'node:child_process'
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Validator } from '@seriousme/openapi-schema-validator'
import openapiTs from 'openapi-typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSimulatedDevice } from '../../src/simulator/simulated-device.js'
import { deviceLogin } from './support/attached-device.js'
import { type RunningBridge, startBridge } from './support/bridge.js'
import { curl } from './support/http-api.js'
import { ops, opsUser } from './support/users.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))
/** Inside the project, so that the client finds its library. */
const directory = fileURLToPath(new URL('../.build/openapi-client/', import.meta.url))
const program = fileURLToPath(new URL('./openapi-client/exercise-every-route.ts', import.meta.url))

interface Operation {
  readonly operationId: string
  readonly responses: Readonly<Record<string, unknown>>
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

/**
 * What needs a session, a startup datastore or a device with another key, none of which is there: refused, as the
 * document says.
 */
const refused = new Set([
  'POST /api/v1/devices/{id}/repin',
  'POST /api/v1/devices/{id}/lock',
  'POST /api/v1/devices/{id}/unlock',
  'POST /api/v1/devices/{id}/kill-session',
  'POST /api/v1/devices/{id}/delete-config',
  'POST /api/v1/devices/{id}/sessions/{sid}/delete-config',
])

let bridge: RunningBridge
let text: string
let document: Document
const stops: (() => Promise<void>)[] = []

beforeAll(async () => {
  bridge = await startBridge({
    credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
    devices: [
      { id: 'router1', secret: 'secret of router1' },
      { id: 'absent', secret: 'secret of nobody' },
    ],
    users: [opsUser({ name: 'boss', roles: ['boss'] })],
    roles: { boss: { devices: ['*'], operations: ['*'], api: ['read', 'rpc', 'admin'] } },
  })
  for (const id of ['router1', 'stranger-1', 'stranger-2']) {
    const device = startSimulatedDevice({
      id,
      bridge: { host: bridge.host, port: bridge.callHomePort },
      ...(id === 'router1' ? { secret: 'secret of router1' } : {}),
      username: deviceLogin.user,
      password: deviceLogin.password,
    })
    stops.push(device.stop)
  }
  await bridge.logged(/^link attached/, { deviceId: 'router1' })
  for (const id of ['stranger-1', 'stranger-2']) await bridge.logged(/pending|waits/, { deviceId: id })
  text = (await curl(bridge, '/openapi.json', { method: 'GET' })).body
  document = JSON.parse(text) as Document
})

afterAll(async () => {
  await Promise.all(stops.map((stop) => stop()))
  await bridge?.stop()
  await rm(directory, { recursive: true, force: true })
})

describe('the OpenAPI document', () => {
  it('is valid OpenAPI 3.1', async () => {
    const validator = new Validator()
    expect(await validator.validate(JSON.parse(text))).toEqual({ valid: true })
    expect(validator.version).toBe('3.1')
  })

  it('makes a client that type-checks, and that calls every route', async () => {
    await mkdir(directory, { recursive: true })
    await writeFile(`${directory}api.ts`, await openapiTs(JSON.parse(text) as Parameters<typeof openapiTs>[0]))
    await copyFile(program, `${directory}exercise-every-route.ts`)
    const compilerOptions = { noEmit: false, outDir: '.', rootDir: '.', lib: ['ES2023', 'DOM', 'DOM.AsyncIterable'] }
    const settings = { extends: `${root}tsconfig.json`, compilerOptions, include: ['*.ts'], exclude: [] }
    await writeFile(`${directory}tsconfig.json`, JSON.stringify(settings))
    await run(`${root}node_modules/.bin/tsc`, ['-p', directory], { cwd: root }).catch((error: { stdout: string }) => {
      throw new Error(error.stdout)
    })

    const made = await curl(bridge, '/api/v1/tokens', { body: { user: 'boss' } })
    const { token } = JSON.parse(made.body) as { token: string }
    const { stdout } = await run(process.execPath, [`${directory}exercise-every-route.js`], {
      env: { ...process.env, HOMEPORT_URL: bridge.httpUrl, HOMEPORT_TOKEN: token, LOGIN: `boss:${ops.password}` },
    })
    const called = JSON.parse(stdout) as readonly { method: string; path: string; status: number }[]
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect([...new Set(called.map(({ method, path }) => `${method} ${path}`))].toSorted()).toEqual(routes.toSorted())
    const neverWell = routes.filter(
      (route) => !called.some(({ method, path, status }) => `${method} ${path}` === route && status < 300),
    )
    expect(neverWell.filter((route) => !refused.has(route))).toEqual([])
    for (const { method, path, status } of called) {
      const documented = Object.keys(document.paths[path]?.[method.toLowerCase()]?.responses ?? {})
      // An error of the device has the status of its first rpc-error.
      expect(documented, `${method} ${path}`).toContain(status === 501 ? 'default' : String(status))
    }
  })
})
