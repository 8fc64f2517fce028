import { Duplex, PassThrough } from 'node:stream'
import { askedRequest } from '../../../src/cluster/asked-request.js'
import type { ClusterNode, ClusterNodeOptions } from '../../../src/cluster/cluster-node.js'
import type { ClusterEngine, NodeRecord } from '../../../src/cluster/engine.js'
import type { HeldDevice, Holder, NodeLife, PeerMessage } from '../../../src/cluster/peer-messages.js'
import type { Peers } from '../../../src/cluster/peers.js'
import type { DeviceChannel, LinkEnd } from '../../../src/fleet/link.js'
import { sessionRefusal } from '../../../src/fleet/refusals/sessions.js'
import type { Random } from '../../fuzz/random.js'
import { createModelEngine, type ModelEngine } from './model-engine.js'

/**
 * A cluster in one process and one virtual time: nodes that run the logic that ships, an engine, devices, and between
 * them all that takes time, breaks, is lost and comes late. Nothing in it happens but by its queue of events, so that
 * one seed is one course of things.
 */
export interface World {
  readonly nodes: readonly string[]
  readonly devices: readonly string[]
  readonly dial: (device: string, node: string) => void
  /** The device's link breaks; `seen` by its node at once, or not before a keepalive would. */
  readonly lose: (device: string, seen: boolean) => void
  readonly pause: (node: string) => void
  readonly resume: (node: string) => void
  readonly kill: (node: string) => void
  readonly restart: (node: string) => void
  /** What one node says does not come to the other, or to the engine (`engine`), until `mend`. */
  readonly cut: (from: string, to: string) => void
  readonly mend: (from: string, to: string) => void
  readonly engineGoes: (losing: boolean) => void
  readonly engineComes: () => void
  /** What is on the way between two nodes is lost, and so is their connection. */
  readonly drop: (from: string, to: string) => void
  /** A client of a node asks for a session. */
  readonly ask: (device: string, node: string) => void
  readonly run: (milliseconds: number) => Promise<void>
  /** Everything is mended, and what has to dial does. */
  readonly heal: (redial: (device: string) => string | undefined) => Promise<void>
  /** What does not hold, as it was found. */
  readonly violations: readonly string[]
  readonly close: () => void
}

/** The logic under test: that which ships, or a mutant of it, which has an `EngineFailure` of its own. */
export interface Logic {
  readonly createClusterNode: (options: ClusterNodeOptions) => ClusterNode
  readonly EngineFailure: new (message: string, hint: string) => Error
}

interface WorldOptions {
  readonly logic: Logic
  readonly random: Random
  readonly nodes: readonly string[]
  readonly devices: readonly string[]
}

/** One connection of a device, as its node and as the device see it. */
interface ModelLink {
  readonly device: string
  readonly host: Host
  readonly process: Process
  readonly serial: number
  provenAt: number
  /** The node has not ended it, and has not seen its end. */
  open: boolean
  /** The device still has it. */
  alive: boolean
}

/** A machine with a node on it, or without. */
interface Host {
  readonly id: string
  process: Process | undefined
  paused: boolean
  /** What comes while it is paused. */
  readonly held: (() => void)[]
}

/** One life of a node. */
interface Process {
  readonly life: NodeLife
  readonly host: Host
  node: ClusterNode | undefined
  readonly links: Map<string, ModelLink>
  /** Peers whose hello was heard, by their lives. */
  readonly reached: Map<string, NodeLife>
}

/** Milliseconds. */
const LEASE = 6_000
const HEARTBEAT = 2_000
const PEER_SILENCE = 3_000
const ENGINE_TIMEOUT = 3_000
const ENGINE = 'engine'

/** Longer than most functions, because it is a world. */
export function createWorld({ logic, random, nodes, devices }: WorldOptions): World {
  const queue: { at: number; readonly order: number; readonly act: () => void }[] = []
  const hosts = new Map<string, Host>(nodes.map((id) => [id, { id, process: undefined, paused: false, held: [] }]))
  const cuts = new Set<string>()
  const connections = new Set<string>()
  const current = new Map<string, ModelLink>()
  const last = new Map<string, ModelLink>()
  const violations: string[] = []
  let now = 1_000_000
  let orders = 0
  let serials = 0
  let engineUp = true
  let calm = false
  let stirred = false
  let closed = false
  const engine: ModelEngine = createModelEngine(() => now, LEASE)

  const at = (delay: number, act: () => void): void => {
    orders += 1
    const event = { at: now + delay, order: orders, act }
    let place = queue.length
    while (place > 0 && (queue[place - 1]?.at ?? 0) > event.at) place -= 1
    queue.splice(place, 0, event)
  }
  const way = (): number => (!calm && random.chance(0.1) ? random.below(2_000) : random.below(20))
  const isCut = (from: string, to: string): boolean => cuts.has(`${from} ${to}`)
  const hostOf = (id: string): Host => {
    const host = hosts.get(id)
    if (host === undefined) throw new Error(`there is no node ${id}`)
    return host
  }

  /** Has something happen in a process: later where it is paused, never where it is gone. */
  const inProcess = (process: Process, act: () => void): void => {
    const { host } = process
    if (host.process !== process) return
    if (host.paused) host.held.push(() => inProcess(process, act))
    else act()
  }

  // ---- the engine, as a process reaches it

  const ask = <T>(process: Process, statement: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      const { id } = process.host
      let answered = false
      const answer = (settle: () => void): void =>
        inProcess(process, () => {
          if (answered) return
          answered = true
          stirred = true
          settle()
        })
      const fail = (): void => answer(() => reject(new logic.EngineFailure('the engine does not answer', 'wait')))
      at(ENGINE_TIMEOUT, fail)
      if (!engineUp) return at(1, fail)
      at(1 + way() / 4, () => {
        if (isCut(id, ENGINE)) return
        if (!engineUp) return fail()
        if (process.host.process !== process && random.chance(0.5)) return
        const value = statement()
        at(1 + way() / 4, () => {
          if (engineUp && !isCut(ENGINE, id)) answer(() => resolve(value))
          else fail()
        })
      })
    })

  const engineFor = (process: Process): ClusterEngine => ({
    join: (...given) => ask(process, () => engine.join(...given)),
    beat: (...given) => ask(process, () => engine.beat(...given)),
    claim: (...given) => ask(process, () => engine.claim(...given)),
    release: (...given) => ask(process, () => engine.release(...given)),
    find: (...given) => ask(process, () => engine.find(...given)),
    naming: (...given) => ask(process, () => engine.naming(...given)),
    leave: (...given) => ask(process, () => engine.leave(...given)),
  })

  // ---- connections between nodes

  const pair = (one: string, other: string): string => [one, other].toSorted().join(' ')
  const isConnected = (one: string, other: string): boolean => connections.has(pair(one, other))

  /** What one process says to another; not in order, for what is promised nowhere should not be leant on. */
  const send = (from: Process, to: Host, message: PeerMessage): void => {
    const peer = to.process
    if (peer === undefined || !isConnected(from.host.id, to.id)) return
    const connection = pair(from.host.id, to.id)
    at(1 + way(), () => {
      if (!connections.has(connection) || isCut(from.host.id, to.id)) return
      inProcess(peer, () => {
        if (peer.reached.get(from.host.id)?.incarnation === from.life.incarnation)
          peer.node?.told(from.life, structuredClone(message))
      })
    })
  }

  const connect = (one: Process, other: Process): void => {
    const connection = pair(one.host.id, other.host.id)
    if (connections.has(connection) || isCut(one.host.id, other.host.id) || isCut(other.host.id, one.host.id)) return
    connections.add(connection)
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const)
      inProcess(from, () => {
        const hello = from.node?.hello() ?? []
        at(1 + way(), () => {
          // What was said on a connection before this one is lost with the life that said it.
          if (!connections.has(connection) || from.host.process !== from || to.host.process !== to) return
          inProcess(to, () => {
            to.reached.set(from.host.id, from.life)
            for (const part of hello) to.node?.told(from.life, structuredClone(part))
            to.node?.connected(from.life)
          })
        })
      })
  }

  const disconnect = (one: string, other: string): void => {
    if (!connections.delete(pair(one, other))) return
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      const process = hostOf(to).process
      if (process === undefined) continue
      inProcess(process, () => {
        const life = process.reached.get(from)
        process.reached.delete(from)
        if (life !== undefined) process.node?.disconnected(life)
      })
    }
  }

  /** Every second each node dials those it does not reach, as far as it can; and gives up those that are silent. */
  const lookAfterConnections = (): void => {
    if (closed) return
    for (const one of hosts.values())
      for (const other of hosts.values()) {
        if (one.id >= other.id) continue
        const silent = one.paused || other.paused || isCut(one.id, other.id) || isCut(other.id, one.id)
        if (one.process === undefined || other.process === undefined) continue
        if (silent && isConnected(one.id, other.id)) {
          const [process, peer] = [one.process, other.process]
          at(PEER_SILENCE, () => {
            const still = one.paused || other.paused || isCut(one.id, other.id) || isCut(other.id, one.id)
            if (still && one.process === process && other.process === peer) disconnect(one.id, other.id)
          })
        } else if (!silent) connect(one.process, other.process)
      }
    at(1_000, lookAfterConnections)
  }

  const peersFor = (process: Process): Peers => ({
    tellAll: (message) => {
      for (const host of hosts.values()) if (host !== process.host) send(process, host, message)
    },
    tell: (node, message) => send(process, hostOf(node), message),
    reached: (node) => process.reached.get(node),
    setNodes: () => undefined,
    openSession: ({ holder, request, ...asked }) =>
      new Promise((resolve) => {
        let answered = false
        const unreachable = (): void =>
          inProcess(process, () => {
            if (answered) return
            answered = true
            stirred = true
            resolve({ ok: false, cause: 'unreachable', message: 'no answer' })
          })
        const owner = hostOf(holder.node).process
        if (owner === undefined || !isConnected(process.host.id, holder.node)) return unreachable()
        at(2_000, unreachable)
        at(1 + way(), () => {
          if (isCut(process.host.id, holder.node)) return
          inProcess(owner, () => {
            const ask = { ...asked, v: 1, owner: holder, request: askedRequest(request) }
            stirred = true
            const answer = owner.node?.asked(process.life, ask, new AbortController().signal)
            const served = Promise.resolve(answer).then((said) => {
              if (said?.ok === true) checkServed(owner, asked.deviceId, holder)
              at(1 + way(), () => {
                if (isCut(holder.node, process.host.id) || said === undefined) return
                inProcess(process, () => {
                  if (answered) return
                  answered = true
                  stirred = true
                  resolve(said.ok ? said : { ok: false, cause: 'refused', no: said.no })
                })
              })
            })
            served.catch(fault)
          })
        })
      }),
  })

  const fault = (error: unknown): void => {
    violations.push(`a fault: ${error instanceof Error ? error.stack : String(error)}`)
  }

  // ---- what must hold

  /** I2: a request is served by what it was addressed with. */
  const checkServed = (owner: Process, deviceId: string, holder: Holder): void => {
    const held = heldBy(owner).find((one) => one.deviceId === deviceId)
    const { node, incarnation } = owner.life
    if (held?.epoch !== holder.epoch || holder.node !== node || holder.incarnation !== incarnation)
      violations.push(
        `I2: ${node} served ${deviceId} for ${JSON.stringify(holder)}, and has ${JSON.stringify(held)} in life ${incarnation}`,
      )
  }

  const heldBy = (process: Process): readonly HeldDevice[] => process.node?.hello().flatMap(({ links }) => links) ?? []

  const isLater = (one: ModelLink, other: ModelLink): boolean =>
    one.provenAt > other.provenAt || (one.provenAt === other.provenAt && one.host.id > other.host.id)

  // ---- nodes

  const recordOf = (node: string): NodeRecord => ({
    node,
    address: `${node}:4350`,
    state: 'up',
    version: '0',
    configHash: 'same',
    hostKeyFingerprint: 'same',
  })

  const start = (host: Host): void => {
    if (host.process !== undefined || !engineUp || isCut(host.id, ENGINE) || isCut(ENGINE, host.id)) return
    const life = engine.join(recordOf(host.id))
    const process: Process = { life, host, node: undefined, links: new Map(), reached: new Map() }
    host.process = process
    host.paused = false
    host.held.length = 0
    process.node = logic.createClusterNode({
      life,
      engine: engineFor(process),
      peers: peersFor(process),
      here: {
        handOver: (deviceId) => {
          handOver(process, deviceId)
          return 'ended'
        },
        letLinksGo: () => process.links.size,
        openSession: async ({ deviceId }) => {
          const link = process.links.get(deviceId)
          if (link === undefined) return { ok: false, refusal: sessionRefusal('unknown-device', deviceId) }
          if (!link.open) violations.push(`I3: ${host.id} served ${deviceId} on a link that it has ended`)
          return { ok: true, channel: CHANNEL, session: SESSION }
        },
      },
      record: () => recordOf(host.id),
      clock: {
        now: () => now,
        wall: () => now,
        after: (milliseconds, then) => {
          let wanted = true
          at(milliseconds, () => inProcess(process, () => wanted && then()))
          return () => {
            wanted = false
          }
        },
        random: () => random.below(1_000) / 1_000,
      },
      // What is verified for no reason would hide that a reason is missing.
      limits: { heartbeat: HEARTBEAT, lease: LEASE, verify: Number.POSITIVE_INFINITY },
      time: { now: () => now, answered: () => undefined, error: () => 0 },
    })
  }

  /** The node ends its link because a newer one is elsewhere; the device sees it, where it still has it. */
  const handOver = (process: Process, deviceId: string): void => {
    const link = process.links.get(deviceId)
    if (link === undefined) return
    const newest = last.get(deviceId)
    if (newest === link)
      violations.push(`I4: ${process.host.id} ended the newest link of ${deviceId}, for an older one`)
    endHere(link, { reason: 'replaced', message: 'newer elsewhere' })
    if (link.alive) {
      link.alive = false
      current.delete(deviceId)
    }
  }

  /** The node's side of a link ends. */
  const endHere = (link: ModelLink, end: LinkEnd): void => {
    if (!link.open) return
    link.open = false
    const { process, device } = link
    if (process.links.get(device) !== link) return
    process.links.delete(device)
    process.node?.elsewhere.detached(device, end)
  }

  const lost = { reason: 'lost', message: 'the device closed the connection' } as const

  const dial: World['dial'] = (device, node) => {
    const host = hostOf(node)
    const { process } = host
    if (process?.node === undefined || host.paused) return
    lose(device, random.chance(0.7))
    serials += 1
    const link: ModelLink = { device, host, process, serial: serials, provenAt: 0, open: true, alive: true }
    const older = process.links.get(device)
    process.links.set(device, link)
    if (older !== undefined) older.open = false
    current.set(device, link)
    // Two proofs in one millisecond cannot be told apart by anybody, and a device does not dial so fast.
    now += 1
    link.provenAt = process.node.elsewhere.attached({ deviceId: device, source: '192.0.2.1:1' })
    const before = last.get(device)
    if (before === undefined || isLater(link, before)) last.set(device, link)
  }

  const lose: World['lose'] = (device, seen) => {
    const link = current.get(device)
    if (link === undefined) return
    current.delete(device)
    link.alive = false
    if (seen) at(1 + way(), () => inProcess(link.process, () => endHere(link, lost)))
  }

  const kill: World['kill'] = (node) => {
    const host = hostOf(node)
    const { process } = host
    if (process === undefined) return
    process.node?.close()
    host.process = undefined
    host.paused = false
    host.held.length = 0
    for (const other of hosts.keys()) if (other !== node) disconnect(node, other)
    for (const link of process.links.values()) {
      link.open = false
      if (current.get(link.device) === link) {
        link.alive = false
        current.delete(link.device)
      }
    }
  }

  const resume: World['resume'] = (node) => {
    const host = hostOf(node)
    if (!host.paused) return
    host.paused = false
    // What came in and the timers that are due are not done in the order in which they would have been.
    const held = host.held.splice(0)
    const from = held.length === 0 ? 0 : random.below(held.length)
    for (const act of [...held.slice(from), ...held.slice(0, from)]) at(0, act)
  }

  /** Where something was lost, TCP would not have gone on. */
  const mend: World['mend'] = (from, to) => {
    cuts.delete(`${from} ${to}`)
    if (hosts.has(from) && hosts.has(to)) disconnect(from, to)
  }

  /** Has all go on that waits for a promise that is settled now. */
  const flush = (): Promise<void> => {
    stirred = false
    return new Promise((resolve) => setImmediate(resolve))
  }

  const run: World['run'] = async (milliseconds) => {
    const until = now + milliseconds
    for (;;) {
      const [next] = queue
      if (next === undefined || next.at > until) break
      queue.shift()
      now = Math.max(now, next.at)
      next.act()
      if (stirred) await flush()
    }
    now = Math.max(now, until)
    await flush()
  }

  const heal: World['heal'] = async (redial) => {
    for (const cut of cuts) mend(...(cut.split(' ') as [string, string]))
    engineUp = true
    calm = true
    for (const node of nodes) resume(node)
    await run(1_000)
    for (const host of hosts.values()) start(host)
    // Keepalives find links that nobody has at the other end; those of devices that have dialled elsewhere are left for
    // the cluster to end.
    for (const device of devices)
      if (!current.has(device))
        for (const { process } of hosts.values()) {
          const link = process?.links.get(device)
          if (link !== undefined) endHere(link, lost)
        }
    await run(4_000)
    for (const device of devices) {
      const node = current.has(device) ? undefined : redial(device)
      if (node !== undefined) dial(device, node)
    }
    await run(7_000)
    const checks = devices.map(checkHealed)
    await run(2_000)
    for (const check of checks) check()
  }

  /** I1: one link, the last one, and everybody knows where. */
  const checkHealed = (device: string): (() => void) => {
    const open = [...hosts.values()].flatMap(({ process }) => process?.links.get(device) ?? [])
    const row = engine.link(device)
    const newest = last.get(device)
    const has = current.get(device)
    const where = open.map(({ host, serial }) => `${host.id}#${serial}`).join(', ')
    const told = `open: ${where || 'none'}; last dialled: ${newest?.host.id}#${newest?.serial}; row: ${JSON.stringify(row)}`
    if (has === undefined) {
      if (open.length > 0) violations.push(`I1: ${device} has no connection, and links are open; ${told}`)
      if (row?.holder !== undefined)
        violations.push(`I1: ${device} has no connection, and its row names a holder; ${told}`)
      return () => undefined
    }
    if (open.length !== 1 || open[0] !== newest || has !== newest) {
      violations.push(`I1: ${device} has not just its last link; ${told}`)
      return () => undefined
    }
    const held = heldBy(newest.process).find(({ deviceId }) => deviceId === device)
    const { node, incarnation } = newest.process.life
    if (row?.holder?.node !== node || row.holder.incarnation !== incarnation || row.epoch !== held?.epoch)
      violations.push(
        `I1: the row of ${device} does not name its holder ${node}/${incarnation}/${held?.epoch}; ${told}`,
      )
    const answers = new Map<string, string>()
    for (const { process, id } of hosts.values()) {
      if (id === node || process?.node === undefined) continue
      answers.set(id, 'nothing')
      const asked = process.node.elsewhere.openSession(sessionOn(device)).then((answer) => {
        answers.set(id, answer.ok ? answer.node : answer.cause)
      })
      asked.catch(fault)
    }
    return () => {
      for (const [id, answer] of answers)
        if (answer !== node) violations.push(`I1: a client of ${id} gets ${device} by ${answer}; ${told}`)
    }
  }

  for (const host of hosts.values()) start(host)
  lookAfterConnections()

  return {
    nodes,
    devices,
    dial,
    lose,
    pause: (node) => {
      const host = hostOf(node)
      if (host.process !== undefined) host.paused = true
    },
    resume,
    kill,
    restart: (node) => start(hostOf(node)),
    cut: (from, to) => cuts.add(`${from} ${to}`),
    mend,
    engineGoes: (losing) => {
      engineUp = false
      engine.restart()
      if (losing) engine.loseLastCommit()
    },
    engineComes: () => {
      engineUp = true
    },
    drop: disconnect,
    ask: (device, node) => {
      const { process, paused } = hostOf(node)
      if (process?.node === undefined || paused || process.links.has(device)) return
      process.node.elsewhere.openSession(sessionOn(device)).catch(fault)
    },
    run,
    heal,
    violations,
    close: () => {
      closed = true
      for (const { process } of hosts.values()) process?.node?.close()
    },
  }
}

function sessionOn(deviceId: string) {
  return {
    deviceId,
    request: { kind: 'subsystem', name: 'netconf' },
    client: { user: 'ncc', source: '198.51.100.1:1', via: 'ssh' },
    sessionId: 'abcdefgh',
    wait: 1_000,
  } as const
}

/** Nothing passes on it: the model asks who serves a session, not what the session carries. */
const CHANNEL: DeviceChannel = {
  stream: new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() }),
  standardError: new PassThrough(),
  closed: new Promise(() => undefined),
  ended: () => false,
  terminalRefused: false,
  resize: () => undefined,
  signal: () => undefined,
  sendBreak: () => undefined,
  linkEnd: () => undefined,
  close: () => undefined,
}

const SESSION = {
  id: 'abcdefgh',
  bytes: { fromClient: 0, fromDevice: 0 },
  carried: () => undefined,
  killed: new Promise<string>(() => undefined),
  restsWhen: () => undefined,
}
