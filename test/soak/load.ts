import { setMaxListeners } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { startSimulatedDevice } from '../../src/simulator/simulated-device.js'
import { runSsh } from '../e2e/parts/clients.js'
import type { RunningBridge } from '../e2e/support/bridge.js'
import { createCaller, socketOf } from '../e2e/support/http-api.js'
import { listenByCurl } from '../e2e/support/event-stream.js'
import { login, openNetconf } from '../e2e/support/test-client.js'
import { ops } from '../e2e/support/users.js'
import { DEVICE_LOGIN, VIEWER } from '../fuzz/parts/attacked-bridge.js'
import type { Random } from '../fuzz/random.js'
import { helloFor, inEndOfMessage } from '../northbound/ssh/support/guarded-conversation.js'
import { rekey } from '../ssh/support/ssh-pair.js'
import { ABSENT, type SoakFleet } from './fleet.js'
import { openRpcSession, type RpcSession } from './rpc-session.js'
import type { Tally } from './tally.js'

const GET = '<get-config><source><running/></source></get-config>'
const EDIT = '<edit-config><target><running/></target><config/></edit-config>'

/** What the bridge said that it did. */
export interface Acknowledged {
  /** Message-ids of requests over SSH that were answered. */
  readonly messageIds: Set<string>
  /** How many RPCs over HTTP were answered, by device and operation. */
  readonly overHttp: Map<string, number>
  readonly jobs: Set<string>
  readonly approvals: Set<string>
}

export function createAcknowledged(): Acknowledged {
  return { messageIds: new Set(), overHttp: new Map(), jobs: new Set(), approvals: new Set() }
}

/** Where the load is. */
export interface Stage {
  readonly bridge: RunningBridge
  readonly fleet: SoakFleet
  readonly tally: Tally
  readonly random: Random
  /** What the bridge acknowledges is added. */
  readonly acknowledged: Acknowledged
}

/** What every piece of the load needs. */
interface Scene extends Stage {
  readonly operator: ReturnType<typeof createCaller>
  readonly stopping: AbortSignal
}

/**
 * Users of all kinds, each doing the same again and again at a steady rate.
 * @returns what ends all that is under way, each at its next step
 */
export function startLoad(stage: Stage): () => Promise<void> {
  const caller = createCaller(stage.bridge, 16)
  // A kept connection may be closed for its idleness while a request is on its way: then HTTP clients ask again.
  const call: typeof caller.call = (path, asked) =>
    caller.call(path, asked).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET') throw error
      return caller.call(path, asked)
    })
  const operator = { ...caller, call }
  const ending = new AbortController()
  setMaxListeners(0, ending.signal)
  const scene: Scene = { ...stage, operator, stopping: ending.signal }
  const running = [
    ...Array.from({ length: 4 }, (_, at) => repeat(scene, 300, () => useByLightClient(scene, `light${at}`))),
    repeat(scene, 2_000, () => useByOpenSsh(scene)),
    repeat(scene, 1_000, () => useUnderRules(scene)),
    repeat(scene, 1_500, () => hangUp(scene)),
    repeat(scene, 150, () => callSteady(scene)),
    repeat(scene, 300, () => callFickle(scene)),
    repeat(scene, 3_000, () => leaveJob(scene)),
    repeat(scene, 10_000, () => approveStranger(scene)),
    workAndRekey(scene),
    listenToEvents(scene),
    listenToDevice(scene),
  ]
  return async () => {
    ending.abort()
    await Promise.all(running)
    operator.stop()
  }
}

let numbers = 0
const newId = (who: string): string => `soak-${who}-${(numbers += 1)}`

async function repeat({ stopping }: Scene, interval: number, work: () => Promise<unknown>): Promise<void> {
  while (!stopping.aborted) {
    await work()
    await pause(interval, undefined, { signal: stopping }).catch(() => undefined)
  }
}

/** A session with a few requests on a device that is always there. */
/** Asks the device. A refused session is told in NETCONF, by an error of the bridge's own in each answer. */
async function answered(session: RpcSession, id: string): Promise<void> {
  const reply = await session.rpc(id, GET)
  if (reply.includes('<rpc-error')) throw new Error(`the session was refused: ${reply.slice(0, 300)}`)
}

function useByLightClient({ bridge, fleet, tally, random, acknowledged }: Scene, who: string): Promise<unknown> {
  return tally.attempt('session, light client', async () => {
    const client = await login(bridge, random.pick(fleet.steady))
    try {
      const session = await openRpcSession(await openNetconf(client))
      for (let left = 1 + random.below(15); left > 0; left -= 1) {
        const id = newId(who)
        await answered(session, id)
        acknowledged.messageIds.add(id)
      }
      await session.rpc(newId(who), '<close-session/>')
    } finally {
      client.end()
    }
  })
}

function useByOpenSsh({ bridge, fleet, tally, random, acknowledged }: Scene): Promise<unknown> {
  return tally.attempt('session, OpenSSH', async () => {
    const id = newId('openssh')
    const user = `${ops.name}@${random.pick(fleet.steady)}`
    const ns = 'xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"'
    const requests = [
      `<rpc ${ns} message-id="${id}">${GET}</rpc>`,
      `<rpc ${ns} message-id="${id}-end"><close-session/></rpc>`,
    ]
    const input = Buffer.concat([helloFor('end-of-message'), ...requests].map(inEndOfMessage))
    const login = { host: bridge.host, port: bridge.endpointPort, user, password: ops.password }
    const { stdout, stderr, status } = await runSsh(login, input)
    if (!stdout.includes(`message-id="${id}"`) || stdout.includes('<rpc-error'))
      throw new Error(`status ${String(status)}: ${stderr.slice(0, 300)}`)
    acknowledged.messageIds.add(id)
  })
}

/** What is allowed is answered by the device, what is not by the bridge, in order. */
function useUnderRules({ bridge, fleet, tally, random, acknowledged }: Scene): Promise<unknown> {
  return tally.attempt('session under rules', async () => {
    const client = await login(bridge, random.pick(fleet.steady), {
      username: `${VIEWER}@${random.pick(fleet.steady)}`,
    })
    try {
      const session = await openRpcSession(await openNetconf(client))
      for (let left = 5; left > 0; left -= 1) {
        const [allowed, denied] = [newId('viewer'), newId('viewer')]
        if ((await session.rpc(allowed, GET)).includes('rpc-error')) throw new Error('what is allowed was refused')
        if (!(await session.rpc(denied, EDIT)).includes('access-denied'))
          throw new Error('what is denied was not refused')
        acknowledged.messageIds.add(allowed).add(denied)
      }
    } finally {
      client.end()
    }
  })
}

/** A client that is killed in the middle of a request. */
function hangUp({ bridge, fleet, tally, random }: Scene): Promise<unknown> {
  return tally.attempt('client killed', async () => {
    const client = await login(bridge, random.pick(fleet.steady))
    try {
      const channel = await openNetconf(client)
      const session = await openRpcSession(channel)
      const answer = session.rpc(newId('killed'), GET).catch(() => undefined)
      await pause(random.below(20))
      client.destroy()
      channel.destroy()
      await answer
    } finally {
      client.destroy()
    }
  })
}

function callSteady({ fleet, tally, random, acknowledged, operator }: Scene): Promise<unknown> {
  return tally.attempt('HTTP call', async () => {
    const device = random.pick(fleet.steady)
    const changes = device.startsWith('stable') && random.chance(0.2)
    const operation = changes ? 'edit-config' : 'get-config'
    const body = changes
      ? { target: 'running', config: '<system xmlns="urn:homeport:simulated-device"><contact>soak</contact></system>' }
      : { source: 'running' }
    const { status, body: answer } = await operator.call(`/api/v1/devices/${device}/${operation}`, { body })
    if (status !== 200 && status !== 204) throw new Error(`status ${status} from ${device}: ${answer.slice(0, 300)}`)
    const key = `${device} ${operation}`
    acknowledged.overHttp.set(key, (acknowledged.overHttp.get(key) ?? 0) + 1)
  })
}

/** A device that may be gone: then the answer says so. */
function callFickle({ fleet, tally, random, operator }: Scene): Promise<unknown> {
  return tally.attempt('HTTP call to one that comes and goes', async () => {
    const { status, body } = await operator.call(`/api/v1/devices/${random.pick(fleet.fickle)}/get-config`, {
      body: { source: 'running' },
    })
    if (![200, 502, 503, 504].includes(status)) throw new Error(`status ${status}: ${body.slice(0, 300)}`)
  })
}

function leaveJob({ tally, random, acknowledged, operator }: Scene): Promise<unknown> {
  return tally.attempt('job left', async () => {
    const { status, body } = await operator.call(`/api/v1/devices/${random.pick(ABSENT)}/get-config`, {
      body: { source: 'running' },
      headers: { Prefer: 'respond-async' },
    })
    if (status !== 202) throw new Error(`status ${status}: ${body.slice(0, 300)}`)
    acknowledged.jobs.add((JSON.parse(body) as { readonly id: string }).id)
  })
}

/** A device that nobody knows waits, is approved, and attaches. */
function approveStranger({ bridge, tally, acknowledged, operator }: Scene): Promise<unknown> {
  return tally.attempt('stranger approved', async () => {
    const id = newId('stranger')
    const device = startSimulatedDevice({
      id,
      bridge: { host: bridge.host, port: bridge.callHomePort },
      ...DEVICE_LOGIN,
      retryDelay: 500,
    })
    try {
      const attached = device.whenAuthenticated()
      const body = { fingerprint: device.hostKeyFingerprint }
      let answer = await operator.call(`/api/v1/devices/${id}/approve`, { body })
      for (let left = 100; answer.status === 404 && left > 0; left -= 1) {
        await pause(100)
        answer = await operator.call(`/api/v1/devices/${id}/approve`, { body })
      }
      if (answer.status !== 200) throw new Error(`status ${answer.status}: ${answer.body.slice(0, 300)}`)
      acknowledged.approvals.add(id)
      await Promise.race([attached, pause(30_000).then(() => Promise.reject(new Error('approved, and not attached')))])
    } finally {
      await device.stop()
    }
  })
}

/** One session for all the time, whose keys are exchanged anew from the client's side again and again. */
async function workAndRekey({ bridge, fleet, tally, acknowledged, stopping }: Scene): Promise<void> {
  const client = await login(bridge, fleet.steady[0] ?? '')
  const session = await openRpcSession(await openNetconf(client))
  let round = 0
  while (!stopping.aborted) {
    const done = await tally.attempt('RPC on a session that lasts', async () => {
      const id = newId('lasting')
      round += 1
      if (round % 40 === 0) rekey(client)
      await answered(session, id)
      acknowledged.messageIds.add(id)
      return true
    })
    await pause(done === true ? 250 : 5_000, undefined, { signal: stopping }).catch(() => undefined)
  }
  client.end()
}

/** Streams for all the time, which nothing may end. */
function listenToEvents({ bridge, tally, stopping }: Scene): Promise<unknown> {
  return listen('event stream', bridge, '/api/v1/events', tally, stopping)
}

function listenToDevice({ bridge, fleet, tally, stopping }: Scene): Promise<unknown> {
  return listen('notifications', bridge, `/api/v1/devices/${fleet.steady[1] ?? ''}/notifications`, tally, stopping)
}

function listen(
  kind: string,
  bridge: RunningBridge,
  path: string,
  tally: Tally,
  stopping: AbortSignal,
): Promise<unknown> {
  return tally.attempt(kind, async () => {
    const stream = listenByCurl('--unix-socket', socketOf(bridge), `http://localhost${path}`)
    const over = new Promise<void>((resolve) => stopping.addEventListener('abort', () => resolve(), { once: true }))
    await Promise.race([over, stream.ended])
    if (!stopping.aborted) throw new Error(`it ended after ${stream.events.length} events`)
    await stream.stop()
  })
}
