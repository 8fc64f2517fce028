import type { Device } from '../../../src/fleet/device.js'
import type { SessionOpening } from '../../../src/fleet/fleet.js'
import { createLocalFleet, type LocalFleet, type FleetLimits } from '../../../src/fleet/local-fleet.js'
import type { FleetEvents } from '../../../src/fleet/events.js'

export const limits: FleetLimits = {
  maxQueuedSessions: 2,
  sessionWait: 1_000,
  reconnectWait: 5_000,
  reconnectWindow: 60_000,
  startWait: 20_000,
  replaceWait: 2_000,
  idleTimeout: 180_000,
  maxLostChannels: 3,
  maxForwards: 3,
  maxForwardsPerUser: 2,
}

export const router = (id: string, maxSessions = 2): Device => ({ id, labels: {}, maxSessions })

export const netconf = { kind: 'subsystem', name: 'netconf' } as const

export const client = { user: 'ops', source: '192.0.2.1:40000', via: 'ssh' } as const

export interface TestFleet {
  readonly fleet: LocalFleet
  /** The names of the events so far. */
  readonly told: (keyof FleetEvents)[]
  /** Asks for the NETCONF session of a device. */
  readonly open: (id?: string, signal?: AbortSignal) => Promise<SessionOpening>
}

/** A fleet of `router1`, two sessions at a time. Its clock is the fake one where a test has it. */
export function makeFleet(
  devices: readonly Device[] = [router('router1')],
  changed: Partial<FleetLimits> = {},
  more: Partial<Parameters<typeof createLocalFleet>[0]> = {},
): TestFleet {
  const fleet = createLocalFleet({ devices, limits: { ...limits, ...changed }, ...more })
  const told: (keyof FleetEvents)[] = []
  const tell = (event: keyof FleetEvents) => () => void told.push(event)
  fleet.subscribe({
    attached: tell('attached'),
    replaced: tell('replaced'),
    'link-added': tell('link-added'),
    'link-ended': tell('link-ended'),
    detached: tell('detached'),
    refused: tell('refused'),
  })
  return {
    fleet,
    told,
    open: (id = 'router1', signal) => fleet.openSession({ deviceId: id, request: netconf, client }, signal),
  }
}

/** What a client is told: `ok`, or why it gets no session. */
export function answerOf(opening: SessionOpening): string {
  return opening.ok ? 'ok' : opening.refusal.reason
}

/** Lets everything happen that waits for nothing outside. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
}
