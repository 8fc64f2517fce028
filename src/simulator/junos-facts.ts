import { NETCONF_NS } from '../netconf/xml/namespaces.js'
import { attribute, childText, element, elementsOf, type XmlElement } from '../netconf/xml/xml-tree.js'
import { DEVICE_NS } from './data-model.js'
import { content, refuse, type ServerCall, type ServerOperation } from './server-call.js'

export const OS_VERSION = '21.4R1.12'
export const MODEL = 'vmx'

/** An element as Junos's own operations answer it. */
export const junosElement = (name: string, body: Parameters<typeof element>[2]): XmlElement =>
  element(NETCONF_NS, name, body)

/** What Junos's clients ask when they gather facts: PyEZ for its `facts`, Ansible for `junos_facts`. */
export const JUNOS_FACTS: Readonly<Record<string, ServerOperation>> = {
  'get-software-information': (call) => content(softwareInformation(call)),

  'get-chassis-inventory': ({ device }) =>
    content(
      named('chassis-inventory', {
        chassis: [
          ...leaves({ name: 'Chassis', 'serial-number': device.deviceId, description: MODEL.toUpperCase() }),
          named('chassis-module', { name: 'Midplane' }),
          named('chassis-module', { name: 'Routing Engine 0', description: 'RE-VMX' }),
        ],
      }),
    ),

  'get-route-engine-information': (call) =>
    content(
      named('route-engine-information', {
        'route-engine': leaves({
          slot: '0',
          'mastership-state': 'master',
          status: 'OK',
          model: 'RE-VMX',
          'start-time': new Date(call.device.startedAt).toISOString(),
          'up-time': `${uptimeOf(call)} seconds`,
          'last-reboot-reason': '0x1:power cycle/failure',
        }),
      }),
    ),

  'get-system-memory-information': () =>
    content(
      named('system-memory-information', {
        'system-memory-summary-information': leaves({
          'system-memory-total': '2048000',
          'system-memory-free': '1024000',
        }),
      }),
    ),

  'get-system-storage': () =>
    content(
      named('system-storage-information', {
        filesystem: leaves({ 'filesystem-name': '/dev/gpt/junos', 'total-blocks': '2048000', 'mounted-on': '/.mount' }),
      }),
    ),

  'get-interface-information': (call) =>
    content(
      junosElement(
        'interface-information',
        asksFor(call, 'routing-instance') === PRIVATE_INSTANCE ? [privateInterface()] : physicalInterfaces(call),
      ),
    ),

  'file-list': () =>
    content(element(NETCONF_NS, 'directory-list', [], { attributes: [attribute('root-path', `${HOME}/`)] })),

  'file-show': (call) => {
    const file = asksFor(call, 'filename') ?? ''
    const found = Object.hasOwn(FILES, file) ? FILES[file] : undefined
    return found === undefined
      ? refuse('operation-failed', `could not resolve file: ${file.slice(0, 200)}`, { type: 'application' })
      : content(junosElement('file-content', found))
  },
}

/** Where Junos's own parts talk to each other; its clients look there for the routing engine that they talk to. */
const PRIVATE_INSTANCE = '__juniper_private1__'
const PRIVATE_ADDRESS = '128.0.0.4'

const HOME = '/var/home/netconf'

const FILES: Readonly<Record<string, string>> = {
  '/etc/hosts.junos': `${PRIVATE_ADDRESS} re0 master\n`,
  '/etc/resolv.conf': 'domain simulated.example\n',
}

/** The answer to `get-software-information`, and to `show version` where XML is wanted. */
export function softwareInformation(call: ServerCall): XmlElement {
  return junosElement('software-information', [
    ...leaves({
      'host-name': hostnameOf(call),
      'product-model': MODEL,
      'product-name': MODEL,
      'junos-version': OS_VERSION,
    }),
    junosElement('package-information', leaves({ name: 'junos', comment: `JUNOS OS Kernel [${OS_VERSION}]` })),
  ])
}

/** The host name of the running configuration; the device id where none is set. */
export function hostnameOf({ device }: ServerCall): string {
  const system = device.datastores.config('running').find((root) => root.name === 'system')
  return (system === undefined ? undefined : childText(system, DEVICE_NS, 'hostname')) ?? device.deviceId
}

function privateInterface(): XmlElement {
  return named('physical-interface', {
    name: 'em1',
    'logical-interface': [
      junosElement('name', 'em1.0'),
      named('address-family', {
        'address-family-name': 'inet',
        'interface-address': leaves({ 'ifa-local': `${PRIVATE_ADDRESS}/2` }),
      }),
    ],
  })
}

function physicalInterfaces({ device }: ServerCall): readonly XmlElement[] {
  const interfaces = device.datastores.config('running').find((root) => root.name === 'interfaces')
  return elementsOf(interfaces ?? junosElement('interfaces', [])).map((one) => {
    const up = childText(one, DEVICE_NS, 'enabled') === 'false' ? 'down' : 'up'
    const description = childText(one, DEVICE_NS, 'description')
    return junosElement(
      'physical-interface',
      leaves({
        name: childText(one, DEVICE_NS, 'name') ?? '',
        'admin-status': up,
        'oper-status': up,
        ...(description === undefined ? {} : { description }),
        'if-type': 'Ethernet',
        mtu: childText(one, DEVICE_NS, 'mtu') ?? '1514',
        speed: '1000mbps',
        'hardware-physical-address': '02:00:5e:00:53:01',
      }),
    )
  })
}

function asksFor({ operation }: ServerCall, parameter: string): string | undefined {
  return childText(operation, NETCONF_NS, parameter)?.trim()
}

function uptimeOf({ device }: ServerCall): number {
  return Math.max(0, Math.floor((device.clock.now() - device.startedAt) / 1000))
}

function named(name: string, children: Readonly<Record<string, string | readonly XmlElement[]>>): XmlElement {
  return junosElement(
    name,
    Object.entries(children).map(([child, body]) => junosElement(child, body)),
  )
}

function leaves(values: Readonly<Record<string, string>>): readonly XmlElement[] {
  return Object.entries(values).map(([name, value]) => junosElement(name, value))
}
