import { attributeOf, textOf } from '../netconf/xml/xml-tree.js'
import { configurationSet, configurationText } from './junos-configuration.js'
import { hostnameOf, JUNOS_FACTS, junosElement, MODEL, OS_VERSION, softwareInformation } from './junos-facts.js'
import { content, type ServerOperation } from './server-call.js'

/** The operations of Junos's own that its clients send when they connect, gather facts or read the configuration. */
export const JUNOS_OPERATIONS: Readonly<Record<string, ServerOperation>> = {
  ...JUNOS_FACTS,

  'get-system-information': (call) =>
    content(
      junosElement('system-information', [
        junosElement('hardware-model', MODEL),
        junosElement('os-name', 'junos'),
        junosElement('os-version', OS_VERSION),
        junosElement('serial-number', call.device.deviceId),
        junosElement('host-name', hostnameOf(call)),
      ]),
    ),

  'get-configuration': ({ device, operation }) => {
    const committed = attributeOf(operation, 'database') === 'committed'
    const config = device.datastores.config(committed ? 'running' : 'candidate')
    const format = attributeOf(operation, 'format')
    if (format === 'text') return content(junosElement('configuration-text', configurationText(config)))
    if (format === 'set') return content(junosElement('configuration-set', configurationSet(config)))
    return content(junosElement('configuration', config))
  },

  command: (call) => {
    const command = textOf(call.operation).trim()
    const isVersion = command === 'show version' || command.startsWith('show version ')
    // XML is what Junos answers where no format is asked for.
    if (isVersion && (attributeOf(call.operation, 'format') ?? 'xml') === 'xml')
      return content(softwareInformation(call))
    const output = isVersion
      ? `Hostname: ${hostnameOf(call)}\nModel: ${MODEL}\nJunos: ${OS_VERSION}\n`
      : `simulated: ${command.slice(0, 200)}\n`
    return content(junosElement('output', output))
  },
}
