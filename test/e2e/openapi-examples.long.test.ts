import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type SimulatedDevice, startSimulatedDevice } from '../../src/simulator/simulated-device.js'
import { deviceLogin } from './support/attached-device.js'
import { type RunningBridge, startBridge } from './support/bridge.js'
import { curl, type Asked } from './support/http-api.js'
import { opsUser } from './support/users.js'

interface Described {
  readonly example?: unknown
  readonly schema?: { readonly example?: unknown; readonly $ref?: string }
}

interface Operation {
  readonly operationId: string
  readonly parameters?: readonly (Described & { readonly name: string; readonly in: string })[]
  readonly requestBody?: { readonly content: Readonly<Record<string, Described>> }
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, { readonly example?: unknown }>> }
}

/** What cannot be asked of a bridge where nothing has happened yet; everything else is answered with what it is for. */
const DEPENDS: Readonly<Record<string, number>> = {
  // No key of another device waits for a decision, and the file decides on this one.
  approveDevice: 409,
  rejectDevice: 409,
  repinDevice: 409,
  changeDevice: 409,
  // There is no job, no session and no token of the id in the example.
  getJob: 404,
  removeJob: 404,
  killSession: 404,
  revokeToken: 404,
  // The page of documentation says so: it wants a session of the client's own.
  netconfLock: 409,
  netconfUnlock: 409,
  // The device says that there is no such session, and no commit to cancel.
  netconfKillSession: 400,
  netconfCancelCommit: 500,
}

/** They stay open, and are shown in events-and-notifications.long.test.ts. */
const STREAMS: ReadonlySet<string> = new Set(['fleetEvents', 'deviceNotifications'])

describe('what a page of documentation sends at once, against a bridge with a device', () => {
  let bridge: RunningBridge
  let device: SimulatedDevice
  let document: Document

  beforeAll(async () => {
    bridge = await startBridge({
      credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
      devices: [{ id: 'router2', secret: 'secret of router2' }],
      users: [opsUser()],
    })
    device = startSimulatedDevice({
      id: 'router2',
      bridge: { host: bridge.host, port: bridge.callHomePort },
      secret: 'secret of router2',
      username: deviceLogin.user,
      password: deviceLogin.password,
    })
    await bridge.logged(/^link attached/, { deviceId: 'router2' })
    document = JSON.parse((await curl(bridge, '/openapi.json', { method: 'GET' })).body) as Document
  })
  afterAll(async () => {
    await device?.stop()
    await bridge?.stop()
  })

  const exampleOf = ({ example, schema }: Described): unknown => {
    const name = schema?.$ref?.split('/').at(-1) ?? ''
    return example ?? schema?.example ?? document.components.schemas[name]?.example
  }

  /** The call with every example that there is, as Swagger UI fills it in. */
  const callOf = (path: string, { parameters = [], requestBody }: Operation): { path: string } & Asked => {
    const query = new URLSearchParams()
    let filled = path
    for (const parameter of parameters) {
      const value = exampleOf(parameter)
      if (typeof value !== 'string') continue
      if (parameter.in === 'path') filled = filled.replace(`{${parameter.name}}`, encodeURIComponent(value))
      if (parameter.in === 'query') query.append(parameter.name, value)
    }
    const [media] = Object.values(requestBody?.content ?? {})
    return {
      path: query.size === 0 ? filled : `${filled}?${query.toString()}`,
      ...(media === undefined ? {} : { body: exampleOf(media) }),
    }
  }

  it('is answered with what each operation is for', async () => {
    const answers: Record<string, number> = {}
    const wrong: string[] = []
    for (const [path, methods] of Object.entries(document.paths))
      for (const [method, operation] of Object.entries(methods)) {
        const { operationId } = operation
        if (STREAMS.has(operationId)) continue
        const { path: filled, ...asked } = callOf(path, operation)
        expect(filled, `${operationId}: a path parameter has no example`).not.toMatch(/[{}]/)
        // The last device would be gone, or away, for those that follow.
        if (operationId === 'forgetDevice' || operationId === 'disconnectDevice') continue
        // A transaction begins with nothing left over from the edits before it.
        if (operationId === 'netconfTransaction') await curl(bridge, '/api/v1/devices/router2/discard-changes')
        const { status, body } = await curl(bridge, filled, { method: method.toUpperCase() as 'GET', ...asked })
        answers[operationId] = status
        const onSession = path.includes('/sessions/{sid}')
        const wanted = DEPENDS[operationId] ?? (onSession ? 404 : undefined)
        if (wanted === undefined ? status >= 400 : status !== wanted)
          wrong.push(`${operationId}: ${status}, ${wanted ?? 'done'} was expected: ${body.slice(0, 300)}`)
      }
    expect(wrong).toEqual([])
    expect(Object.keys(answers).length).toBeGreaterThan(50)
  }, 120_000)
})
