import type { LoginMethod } from './device-authentication.js'
import type { TerminationReason } from './netconf-events.js'

/** What a simulated device tells of itself; the order is the order of a device's life. */
export interface DeviceEvents {
  readonly dialling: { readonly attempt: number }
  /** The connection could not be opened. */
  readonly refused: { readonly cause: string }
  readonly dialled: { readonly localPort: number }
  readonly 'authentication-failed': { readonly method: string }
  /** The bridge logged in. */
  readonly authenticated: { readonly method: LoginMethod }
  readonly 'session-opened': { readonly sessionId: number }
  readonly 'session-closed': { readonly sessionId: number; readonly reason: TerminationReason }
  readonly 'connection-lost': { readonly cause: string }
  readonly redialling: { readonly inMs: number }
}

type Listener<Event extends keyof DeviceEvents> = (news: DeviceEvents[Event]) => void
type Listeners = { [Event in keyof DeviceEvents]: Set<Listener<Event>> }

/** Who hears of what a device tells. */
export interface DeviceNews {
  /** Hears an event each time it happens; the answer ends that. */
  readonly on: <Event extends keyof DeviceEvents>(event: Event, listener: Listener<Event>) => () => void
  readonly tell: <Event extends keyof DeviceEvents>(event: Event, news: DeviceEvents[Event]) => void
}

/** Nobody listens yet. */
export function createDeviceNews(): DeviceNews {
  const listeners: Listeners = {
    dialling: new Set(),
    refused: new Set(),
    dialled: new Set(),
    'authentication-failed': new Set(),
    authenticated: new Set(),
    'session-opened': new Set(),
    'session-closed': new Set(),
    'connection-lost': new Set(),
    redialling: new Set(),
  }
  return {
    on: (event, listener) => {
      listeners[event].add(listener)
      return () => {
        listeners[event].delete(listener)
      }
    },
    tell: (event, news) => {
      for (const listener of listeners[event]) listener(news)
    },
  }
}
