import type { XmlElement } from '../netconf/xml/xml-tree.js'
import { element } from '../netconf/xml/xml-tree.js'

/** The namespace of the simulated device's configuration and state. */
export const DEVICE_NS = 'urn:homeport:simulated-device'

/** The namespace of the operations that make a device misbehave. */
export const TEST_NS = 'urn:homeport:simulated-device:test'

/** What may stand where in the data tree; the YANG text in `yang-modules.ts` says the same. */
export type SchemaNode =
  | { readonly kind: 'container'; readonly children: SchemaChildren; readonly state?: true }
  | {
      readonly kind: 'list'
      readonly keys: readonly string[]
      readonly children: SchemaChildren
      readonly state?: true
    }
  | { readonly kind: 'leaf'; readonly accepts: Accepts; readonly state?: true }
  | { readonly kind: 'leaf-list'; readonly accepts: Accepts; readonly state?: true }

type Accepts = (value: string) => boolean

export type SchemaChildren = Readonly<Record<string, SchemaNode>>

const text = (value: string): boolean => value.length <= 255
const someText = (value: string): boolean => text(value) && value !== ''
const boolean = (value: string): boolean => value === 'true' || value === 'false'
const mtu = (value: string): boolean => /^\d{1,5}$/.test(value) && Number(value) >= 68 && Number(value) <= 9216
const address = (value: string): boolean => /^[0-9a-fA-F.:]{2,45}$/.test(value)

/** The top of the data tree, by local name in `DEVICE_NS`. */
export const SCHEMA: SchemaChildren = {
  system: {
    kind: 'container',
    children: {
      hostname: { kind: 'leaf', accepts: someText },
      location: { kind: 'leaf', accepts: text },
      contact: { kind: 'leaf', accepts: text },
      'dns-server': { kind: 'leaf-list', accepts: address },
      state: { kind: 'container', children: {}, state: true },
    },
  },
  interfaces: {
    kind: 'container',
    children: {
      interface: {
        kind: 'list',
        keys: ['name'],
        children: {
          name: { kind: 'leaf', accepts: someText },
          description: { kind: 'leaf', accepts: text },
          enabled: { kind: 'leaf', accepts: boolean },
          mtu: { kind: 'leaf', accepts: mtu },
          parent: { kind: 'leaf', accepts: someText },
          address: {
            kind: 'list',
            keys: ['ip'],
            children: {
              ip: { kind: 'leaf', accepts: address },
              'prefix-length': { kind: 'leaf', accepts: (value) => /^\d{1,3}$/.test(value) && Number(value) <= 128 },
            },
          },
          'oper-status': { kind: 'leaf', accepts: text, state: true },
        },
      },
    },
  },
}

/** An element of the device's own namespace. */
export function deviceElement(name: string, content: string | readonly XmlElement[] = []): XmlElement {
  return element(DEVICE_NS, name, content)
}

/** What a device is configured with when it comes out of its box. */
export function factoryConfig(deviceId: string): readonly XmlElement[] {
  return [
    deviceElement('system', [deviceElement('hostname', deviceId), deviceElement('location', 'in simulation')]),
    FACTORY_INTERFACES,
  ]
}

// One tree for all devices: trees are never changed.
const FACTORY_INTERFACES = deviceElement('interfaces', [
  deviceElement('interface', [
    deviceElement('name', 'ge-0/0/0'),
    deviceElement('description', 'uplink'),
    deviceElement('enabled', 'true'),
    deviceElement('mtu', '1500'),
  ]),
  deviceElement('interface', [deviceElement('name', 'ge-0/0/1'), deviceElement('enabled', 'false')]),
])
