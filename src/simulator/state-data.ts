import { MONITORING_NS, NETMOD_NOTIFICATION_NS } from '../netconf/xml/namespaces.js'
import { childText, element, elementsOf, withChildren, type XmlElement } from '../netconf/xml/xml-tree.js'
import { DEVICE_NS, deviceElement } from './data-model.js'
import type { Config } from './edit-config.js'
import type { Actor } from './netconf-events.js'
import { YANG_MODULES } from './yang-modules.js'

/** What the device knows about itself when it is asked; times in milliseconds since the epoch. */
export interface DeviceState {
  readonly deviceId: string
  readonly startedAt: number
  readonly now: number
  readonly logStartedAt: number
  readonly capabilities: readonly string[]
  readonly sessions: readonly Actor[]
  readonly locks: readonly { readonly datastore: string; readonly sessionId: number | undefined }[]
}

/** Configuration and state together, as `<get>` answers them. */
export function operationalData(config: Config, state: DeviceState): readonly XmlElement[] {
  const system = config.find((root) => root.name === 'system') ?? deviceElement('system')
  const others = config.filter((root) => root.name !== 'system')
  return [
    withChildren(system, [...system.children, systemState(state)]),
    ...others.map((root) => (root.name === 'interfaces' ? withInterfaceState(root) : root)),
    netconfState(state),
    notificationStreams(state),
  ]
}

function systemState(state: DeviceState): XmlElement {
  const uptime = Math.max(0, Math.floor((state.now - state.startedAt) / 1000))
  return deviceElement('state', [deviceElement('device-id', state.deviceId), deviceElement('uptime', String(uptime))])
}

function withInterfaceState(interfaces: XmlElement): XmlElement {
  return withChildren(
    interfaces,
    elementsOf(interfaces).map((one) => {
      const up = childText(one, DEVICE_NS, 'enabled') !== 'false'
      return withChildren(one, [...one.children, deviceElement('oper-status', up ? 'up' : 'down')])
    }),
  )
}

function netconfState(state: DeviceState): XmlElement {
  const capabilities = state.capabilities.map((uri) => monitored('capability', uri))
  const datastores = state.locks.map(({ datastore, sessionId }) => {
    const lock = sessionId === undefined ? [] : [monitored('locks', [globalLock(sessionId, state)])]
    return monitored('datastore', [monitored('name', datastore), ...lock])
  })
  const schemas = YANG_MODULES.map((module) =>
    monitored('schema', [
      monitored('identifier', module.identifier),
      monitored('version', module.version),
      monitored('format', 'yang'),
      monitored('namespace', module.namespace),
      monitored('location', 'NETCONF'),
    ]),
  )
  const sessions = state.sessions.map((one) =>
    monitored('session', [
      monitored('session-id', String(one.sessionId)),
      monitored('transport', 'netconf-ssh'),
      monitored('username', one.username),
      monitored('source-host', one.sourceHost),
    ]),
  )
  return monitored('netconf-state', [
    monitored('capabilities', capabilities),
    monitored('datastores', datastores),
    monitored('schemas', schemas),
    monitored('sessions', sessions),
  ])
}

function globalLock(sessionId: number, state: DeviceState): XmlElement {
  return monitored('global-lock', [
    monitored('locked-by-session', String(sessionId)),
    monitored('locked-time', new Date(state.now).toISOString()),
  ])
}

/** The one stream there is (RFC 5277 §3.2.5.1). */
function notificationStreams(state: DeviceState): XmlElement {
  return told('netconf', [
    told('streams', [
      told('stream', [
        told('name', 'NETCONF'),
        told('description', 'everything that happens on the device'),
        told('replaySupport', 'true'),
        told('replayLogCreationTime', new Date(state.logStartedAt).toISOString()),
      ]),
    ]),
  ])
}

function monitored(name: string, content: string | readonly XmlElement[]): XmlElement {
  return element(MONITORING_NS, name, content)
}

function told(name: string, content: string | readonly XmlElement[]): XmlElement {
  return element(NETMOD_NOTIFICATION_NS, name, content)
}
