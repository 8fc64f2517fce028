import { inBackground } from '../lib/background.js'
import { createServer, isIPv4 } from 'node:net'
import type { EndpointAssignments } from '../fleet/endpoints/endpoint-assignments.js'
import { createDeviceListeners, type DeviceListener, type ListenFailure } from '../northbound/ssh/device-listeners.js'
import type { SshEndpoint } from '../northbound/ssh/server.js'
import type { Log } from '../telemetry/log.js'
import { hostAndPort } from '../net/source.js'
import { StartError } from './start-error.js'

/** The ports and addresses of devices' own, opened and closed as devices come and go. */
export interface OwnEndpointListeners {
  /** Opens what is wanted now, and closes what is not any more; tells in the log what cannot be opened. */
  readonly open: () => Promise<void>
  /** The same in a moment, together with whatever else changes until then. */
  readonly openSoon: () => void
  /** The same at the start, where what the configuration fixes must be there. Throws `StartError`. */
  readonly openAtStart: () => Promise<void>
  readonly close: () => void
}

/** The bound address where every device is reached, and its ports, which are those of devices' own addresses too. */
export interface SharedEndpoint {
  readonly address: string
  readonly ports: readonly number[]
}

/** @param shared undefined before the bridge listens */
export function createOwnEndpointListeners(options: {
  readonly endpoints: EndpointAssignments
  readonly serve: SshEndpoint['serve']
  readonly shared: () => SharedEndpoint | undefined
  readonly log: Log
}): OwnEndpointListeners {
  const { endpoints, serve, shared, log } = options
  const listeners = createDeviceListeners({
    wanted: () => {
      const bound = shared()
      return bound === undefined ? [] : wantedListeners(endpoints, bound)
    },
    serve: (socket, { deviceId, by }) => serve(socket, { kind: 'device', deviceId, by }),
    onError: (error) =>
      log.error({ code: error.code, hint: 'raise LimitNOFILE' }, `connection not accepted: ${error.message}`),
  })
  let running: Promise<readonly ListenFailure[]> | undefined
  let again = false
  let starting = true
  let soon: NodeJS.Timeout | undefined

  const run = async (): Promise<readonly ListenFailure[]> => {
    let failures: readonly ListenFailure[] = []
    while (again) {
      again = false
      failures = await listeners.reconcile()
      for (const { listener, error } of failures.filter(isMovable)) {
        const { deviceId, port } = listener
        log.error(
          { deviceId, port, hint: 'take ports that others use out of endpoint.ssh.device-ports' },
          `port not opened, the device is given another one: ${whyNot(error)}`,
        )
        endpoints.replacePort(deviceId, port)
        again = true
      }
    }
    const lasting = failures.filter((failure) => !isMovable(failure))
    if (!starting) tell(lasting)
    return lasting
  }
  const settle = (): Promise<readonly ListenFailure[]> => {
    again = true
    running ??= run().finally(() => {
      running = undefined
    })
    return running
  }
  const tell = (failures: readonly ListenFailure[]): void => {
    // Where one address is not this machine's, a thousand are not.
    for (const like of groupsOf(failures)) {
      const [{ listener, error }] = like
      const more = like.length > 1 ? ` and ${like.length - 1} more` : ''
      const devices = like.map(({ listener: { deviceId } }) => deviceId)
      log.error(
        { code: error.code, deviceIds: devices.slice(0, MOST_NAMED), devices: devices.length, hint: hintFor(like[0]) },
        `not opened: ${describe(listener)}${more}: ${whyNot(error)}`,
      )
    }
  }

  return {
    open: async () => void (await settle()),
    openSoon: () => {
      if (starting) return
      soon ??= setTimeout(() => {
        soon = undefined
        inBackground('client', settle())
      }, GATHERING_TIME)
    },
    openAtStart: async () => {
      const failures = await settle()
      starting = false
      const fixed = failures.find(({ listener }) => !listener.given)
      if (fixed !== undefined) throw startProblem(fixed)
      tell(failures)
      await warnUnlessLocal(endpoints, log)
      const all = endpoints.all()
      const ports = all.filter(({ port }) => port !== undefined).length
      const addresses = all.filter(({ address }) => address !== undefined).length
      if (all.length > 0)
        log.info({ ports, addresses, listeners: listeners.count() }, 'devices have ports and addresses of their own')
    },
    close: () => {
      clearTimeout(soon)
      listeners.close()
    },
  }
}

/** Milliseconds in which devices that come at once are gathered: each look at what is wanted looks at all devices. */
const GATHERING_TIME = 50

const MOST_NAMED = 8

/** Every port; and every address that the shared listener does not hear on already. */
function wantedListeners(endpoints: EndpointAssignments, bound: SharedEndpoint): readonly DeviceListener[] {
  return endpoints
    .all()
    .flatMap(({ deviceId, port, address, portGiven, addressGiven }): readonly DeviceListener[] => [
      ...(port === undefined
        ? []
        : [{ deviceId, by: 'port' as const, address: bound.address, port, given: portGiven }]),
      ...(address === undefined || hears(bound.address, address)
        ? []
        : bound.ports.map((each) => ({ deviceId, by: 'address' as const, address, port: each, given: addressGiven }))),
    ])
}

/** Whether a listener that is bound to an address accepts connections to another one. */
function hears(bound: string, address: string): boolean {
  return bound === '::' || (bound === '0.0.0.0' && isIPv4(address)) || bound === address
}

/** A port that was given can be another one; the address of the machine that it is on is what it is. */
function isMovable({ listener, error }: ListenFailure): boolean {
  return listener.given && listener.by === 'port' && ['EADDRINUSE', 'EACCES'].includes(error.code ?? '')
}

function groupsOf(failures: readonly ListenFailure[]): readonly (readonly [ListenFailure, ...ListenFailure[]])[] {
  const groups = new Map<string, [ListenFailure, ...ListenFailure[]]>()
  for (const failure of failures) {
    const key = `${failure.listener.by} ${failure.error.code}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [failure])
    else group.push(failure)
  }
  return [...groups.values()]
}

/** `192.0.2.1:830 of "router1"`. */
function describe({ address, port, deviceId }: DeviceListener): string {
  return `${hostAndPort(address, port)} of ${JSON.stringify(deviceId)}`
}

function whyNot({ code, message }: NodeJS.ErrnoException): string {
  const known: Readonly<Record<string, string>> = {
    EADDRINUSE: 'it is in use already',
    EACCES: 'a port below 1024 needs a privilege',
    EADDRNOTAVAIL: 'it is no address of this machine',
    EMFILE: 'too many files are open',
  }
  return known[code ?? ''] ?? code ?? message
}

function hintFor({ listener: { address, port, by }, error: { code } }: ListenFailure): string {
  if (code === 'EADDRNOTAVAIL') return localHint(address)
  if (code === 'EADDRINUSE') return `find out by whom with \`ss -ltnp 'sport = :${port}'\``
  if (code === 'EMFILE') return 'raise LimitNOFILE'
  return by === 'port' ? 'give the device another port' : 'check the address'
}

function localHint(address: string): string {
  const family = isIPv4(address) ? '' : '-6 '
  return (
    `make it one: \`ip ${family}route add local PREFIX dev lo\` for all of a prefix (AnyIP), ` +
    `or \`ip address add ${address} dev lo\`; then SIGHUP`
  )
}

function startProblem(failure: ListenFailure): StartError {
  const { deviceId, address, port, by } = failure.listener
  return new StartError(
    `devices: endpoint.${by} of ${JSON.stringify(deviceId)}: ` +
      `cannot listen on ${hostAndPort(address, port)}: ${whyNot(failure.error)}`,
    hintFor(failure),
  )
}

/** A listener on every address hears nothing on those that are not this machine's, and nothing tells. */
async function warnUnlessLocal(endpoints: EndpointAssignments, log: Log): Promise<void> {
  const some = new Map(
    endpoints.all().flatMap(({ address }) => (address === undefined ? [] : [[isIPv4(address), address] as const])),
  )
  for (const address of some.values()) {
    if ((await probe(address)) !== 'EADDRNOTAVAIL') continue
    log.warn(
      { address, hint: localHint(address) },
      'devices cannot be reached at their own addresses: they are no addresses of this machine',
    )
  }
}

function probe(address: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code))
    server.listen({ host: address, port: 0 }, () => server.close(() => resolve(undefined)))
  })
}
