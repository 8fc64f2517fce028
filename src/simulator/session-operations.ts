import { MONITORING_NS, NETCONF_NS, NOTIFICATION_NS } from '../netconf/xml/namespaces.js'
import { errorInfo } from '../netconf/rpc-error.js'
import { childOf, childText, element, type XmlElement } from '../netconf/xml/xml-tree.js'
import { TEST_NS } from './data-model.js'
import { filtered, filterOf } from './filter-request.js'
import {
  content,
  ok,
  okUnless,
  refuse,
  type ServerAnswer,
  type ServerCall,
  type ServerOperation,
} from './server-call.js'
import { operationalData } from './state-data.js'
import { YANG_MODULES } from './yang-modules.js'

/** The largest reply that `generate-reply` makes: 16 GiB. */
const MAX_GENERATED = 16 * 1024 ** 3

/** `<get>` and the operations on sessions (RFC 6241 §7.7 to §7.9). */
export const SESSION_OPERATIONS: Readonly<Record<string, ServerOperation>> = {
  get: (call) => {
    const selected = filtered(operationalDataOf(call), call.operation)
    return selected.ok ? content(element(NETCONF_NS, 'data', selected.value)) : okUnless([selected.error])
  },

  'close-session': (call) => ok(() => call.device.sessions.get(call.actor.sessionId)?.end('closed')),

  'kill-session': (call) => {
    const text = childText(call.operation, NETCONF_NS, 'session-id')
    const info = [errorInfo.badElement('session-id')]
    if (text === undefined) return refuse('missing-element', '<session-id> is missing', { info })
    const victim = call.device.sessions.get(Number(text))
    if (victim === undefined) return refuse('invalid-value', `there is no session ${text.slice(0, 20)}`, { info })
    if (victim.actor.sessionId === call.actor.sessionId) {
      return refuse('invalid-value', 'a session ends itself with close-session', { info })
    }
    victim.end('killed', call.actor.sessionId)
    return ok()
  },
}

/** `<get-schema>` (RFC 6022 §3.1). */
export const MONITORING_OPERATIONS: Readonly<Record<string, ServerOperation>> = {
  'get-schema': (call) => {
    const asked = (name: string): string | undefined => childText(call.operation, MONITORING_NS, name)
    const identifier = asked('identifier')
    if (identifier === undefined) {
      return refuse('missing-element', '<identifier> is missing', { info: [errorInfo.badElement('identifier')] })
    }
    const version = asked('version')
    const format = (asked('format') ?? 'yang').replace(/^.*:/, '')
    const found = YANG_MODULES.find(
      (module) => module.identifier === identifier && (version === undefined || version === module.version),
    )
    if (found === undefined || format !== 'yang') {
      return refuse('invalid-value', `there is no schema ${identifier} of that version and format`, {
        type: 'application',
      })
    }
    return content(element(MONITORING_NS, 'data', found.text))
  },
}

/** `<create-subscription>` (RFC 5277 §2.1.1). */
export const NOTIFICATION_OPERATIONS: Readonly<Record<string, ServerOperation>> = {
  'create-subscription': (call) => {
    const told = (name: string): string | undefined => childText(call.operation, NOTIFICATION_NS, name)
    if (call.subscription.active()) return refuse('operation-failed', 'this session has a subscription already')
    if ((told('stream') ?? 'NETCONF') !== 'NETCONF') return badElement('stream', 'the only stream is NETCONF')
    const filter = filterOf(call.operation, NOTIFICATION_NS)
    if (!filter.ok) return okUnless([filter.error])

    const startTime = timeOf(told('startTime'))
    const stopTime = timeOf(told('stopTime'))
    if (Number.isNaN(startTime)) return badElement('startTime', 'startTime is not a date and time')
    if (Number.isNaN(stopTime)) return badElement('stopTime', 'stopTime is not a date and time')
    if (startTime !== undefined && startTime > call.device.clock.now()) {
      return badElement('startTime', 'startTime lies in the future')
    }
    if (stopTime !== undefined && startTime === undefined) {
      return refuse('missing-element', 'stopTime needs a startTime', { info: [errorInfo.badElement('startTime')] })
    }
    if (stopTime !== undefined && startTime !== undefined && stopTime < startTime) {
      return badElement('stopTime', 'stopTime lies before startTime')
    }
    const wanted = {
      ...(filter.value === undefined ? {} : { filter: filter.value }),
      ...(startTime === undefined ? {} : { startTime }),
      ...(stopTime === undefined ? {} : { stopTime }),
    }
    return ok(() => call.subscription.begin(wanted))
  },
}

/** The operations that make the device misbehave. */
export const TEST_OPERATIONS: Readonly<Record<string, ServerOperation>> = {
  'generate-reply': (call) => {
    const size = Number(childText(call.operation, TEST_NS, 'size') ?? '0')
    const delay = Number(childText(call.operation, TEST_NS, 'delay') ?? '0')
    if (!Number.isSafeInteger(size) || size < 0 || size > MAX_GENERATED) {
      return refuse('invalid-value', `size is bytes, up to ${MAX_GENERATED}`, { info: [errorInfo.badElement('size')] })
    }
    if (!Number.isSafeInteger(delay) || delay < 0 || delay > 2 ** 31 - 1) {
      return refuse('invalid-value', 'delay is milliseconds', { info: [errorInfo.badElement('delay')] })
    }
    return { kind: 'generated', size, delay, drop: childOf(call.operation, TEST_NS, 'drop') !== undefined }
  },
}

/** Configuration and state as they are when the call is answered. */
export function operationalDataOf(call: ServerCall): readonly XmlElement[] {
  const { device } = call
  return operationalData(device.datastores.config('running'), {
    deviceId: device.deviceId,
    startedAt: device.startedAt,
    now: device.clock.now(),
    logStartedAt: device.events.startedAt(),
    capabilities: device.capabilities,
    sessions: [...device.sessions.values()].map((session) => session.actor),
    locks: (['running', 'candidate'] as const).map((datastore) => ({
      datastore,
      sessionId: device.datastores.lockHolder(datastore),
    })),
  })
}

function timeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text)
}

function badElement(name: string, message: string): ServerAnswer {
  return refuse('bad-element', message, { info: [errorInfo.badElement(name)] })
}
