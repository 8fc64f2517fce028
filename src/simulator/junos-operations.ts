import { NETCONF_NS } from '../netconf/xml/namespaces.js'
import { childText, element, textOf } from '../netconf/xml/xml-tree.js'
import { DEVICE_NS } from './data-model.js'
import { content, type ServerCall, type ServerOperation } from './server-call.js'

const OS_VERSION = '21.4R1.12'
const MODEL = 'vmx'

/** The few operations of Junos's own that its clients send when they connect. */
export const JUNOS_OPERATIONS: Readonly<Record<string, ServerOperation>> = {
  'get-system-information': (call) =>
    content(
      junos('system-information', [
        junos('hardware-model', MODEL),
        junos('os-name', 'junos'),
        junos('os-version', OS_VERSION),
        junos('serial-number', call.device.deviceId),
        junos('host-name', hostnameOf(call)),
      ]),
    ),

  'get-configuration': (call) => content(junos('configuration', call.device.datastores.config('candidate'))),

  command: (call) => {
    const command = textOf(call.operation).trim()
    const output =
      command === 'show version'
        ? `Hostname: ${hostnameOf(call)}\nModel: ${MODEL}\nJunos: ${OS_VERSION}\n`
        : `simulated: ${command.slice(0, 200)}\n`
    return content(junos('output', output))
  },
}

const junos = (name: string, body: Parameters<typeof element>[2]) => element(NETCONF_NS, name, body)

function hostnameOf(call: ServerCall): string {
  const system = call.device.datastores.config('running').find((root) => root.name === 'system')
  return (system === undefined ? undefined : childText(system, DEVICE_NS, 'hostname')) ?? call.device.deviceId
}
