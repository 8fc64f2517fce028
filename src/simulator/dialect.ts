import { CAPABILITY, junosSpelling } from '../netconf/capabilities.js'
import {
  DATASTORES_NS,
  MONITORING_NS,
  NETCONF_NS,
  NMDA_COMPARE_NS,
  NMDA_NS,
  ORIGIN_NS,
} from '../netconf/xml/namespaces.js'
import { attribute, type XmlElement } from '../netconf/xml/xml-tree.js'
import { DEVICE_NS, TEST_NS } from './data-model.js'

/** How a NETCONF server talks beyond what the standards settle. */
export type DialectName = 'junos' | 'plain'

export type BaseVersion = '1.0' | '1.1'

export interface Dialect {
  readonly name: DialectName
  readonly defaultBases: readonly BaseVersion[]
  /** What stands before `<hello>`. */
  readonly greeting: (username: string) => string
  readonly capabilities: (bases: readonly BaseVersion[], interleave: boolean) => readonly string[]
  /** A session id no other session has had lately. */
  readonly nextSessionId: (previous: number, random: () => number) => number
  readonly prolog: boolean
  /** Prefixes that every reply declares. */
  readonly replyDeclarations?: Readonly<Record<string, string>>
  /** A request as this server understands it. */
  readonly understand: (rpc: XmlElement) => XmlElement
  /** Whether a request without message-id is answered. */
  readonly requiresMessageId: boolean
}

const FEATURES: readonly string[] = [
  CAPABILITY.candidate,
  CAPABILITY.confirmedCommit11,
  CAPABILITY.validate11,
  CAPABILITY.rollbackOnError,
  CAPABILITY.writableRunning,
  CAPABILITY.notification,
]

const MODULES: readonly string[] = [
  `${MONITORING_NS}?module=ietf-netconf-monitoring&revision=2010-10-04`,
  'urn:ietf:params:xml:ns:yang:ietf-netconf-notifications?module=ietf-netconf-notifications&revision=2012-02-06',
  `${DEVICE_NS}?module=simulated-device&revision=2025-01-01`,
  `${TEST_NS}?module=simulated-device-test&revision=2025-01-01`,
]

/** What is there for datastores beyond RFC 6241 (RFC 8342). */
const NMDA_MODULES: readonly string[] = [
  `${DATASTORES_NS}?module=ietf-datastores&revision=2018-02-14`,
  `${ORIGIN_NS}?module=ietf-origin&revision=2018-02-14`,
  `${NMDA_NS}?module=ietf-netconf-nmda&revision=2019-01-07&features=origin`,
  `${NMDA_COMPARE_NS}?module=ietf-nmda-compare&revision=2021-12-10`,
]

/** The IETF's dialect: what the RFCs say and nothing else. */
const plain: Dialect = {
  name: 'plain',
  defaultBases: ['1.0', '1.1'],
  greeting: () => '',
  capabilities: (bases, interleave) => [
    ...baseCapabilities(bases),
    ...FEATURES,
    ...(interleave ? [CAPABILITY.interleave] : []),
    ...MODULES,
    ...NMDA_MODULES,
  ],
  nextSessionId: (previous) => previous + 1,
  prolog: true,
  understand: (rpc) => rpc,
  requiresMessageId: true,
}

const JUNOS_XML_NS = 'http://xml.juniper.net/junos/21.4R0/junos'

/** What Junos does otherwise than the RFCs say: base:1.0, names and namespaces of its own. */
const junos: Dialect = {
  name: 'junos',
  defaultBases: ['1.0'],
  greeting: (username) =>
    '<!-- No zombies were killed during the creation of this user interface -->\n' +
    `<!-- user ${username.replace(/[^\w.@ ]/g, '?')}, class j-super-user -->\n`,
  capabilities: (bases, interleave) => {
    const standard = [
      ...baseCapabilities(bases),
      ...FEATURES,
      CAPABILITY.confirmedCommit10,
      CAPABILITY.validate10,
      ...(interleave ? [CAPABILITY.interleave] : []),
    ]
    return [
      ...standard,
      ...standard.flatMap((uri) => junosSpelling(uri) ?? []),
      ...MODULES,
      'http://xml.juniper.net/netconf/junos/1.0',
      'http://xml.juniper.net/dmi/system/1.0',
    ]
  },
  // A FreeBSD process id: somewhere up to 99999, a little above the one before.
  nextSessionId: (previous, random) => {
    const next = previous === 0 ? 1_000 + Math.floor(random() * 90_000) : previous + 1 + Math.floor(random() * 12)
    return next > 99_999 ? 1_000 + (next % 99_999) : next
  },
  prolog: false,
  replyDeclarations: { junos: JUNOS_XML_NS },
  understand: adoptNamespaces,
  requiresMessageId: false,
}

/** The dialect of that name. */
export function dialectNamed(name: DialectName): Dialect {
  return name === 'junos' ? junos : plain
}

function baseCapabilities(bases: readonly BaseVersion[]): readonly string[] {
  return bases.map((base) => (base === '1.0' ? CAPABILITY.base10 : CAPABILITY.base11))
}

/** Junos tells elements by local name: a request may leave namespaces out, or have all in NETCONF's. */
function adoptNamespaces(rpc: XmlElement): XmlElement {
  const adopt = (node: XmlElement, home: string): XmlElement => {
    const open = node.namespace === '' || node.namespace === NETCONF_NS
    const inner = node.name === 'config' || node.name === 'filter' ? DEVICE_NS : home
    return {
      ...node,
      namespace: open ? home : node.namespace,
      prefix: open ? '' : node.prefix,
      attributes: node.attributes.map((one) =>
        one.name === 'operation' && one.namespace === '' && home === DEVICE_NS
          ? attribute('operation', one.value, { namespace: NETCONF_NS, prefix: 'nc' })
          : one,
      ),
      children: node.children.map((child) => (typeof child === 'string' ? child : adopt(child, inner))),
    }
  }
  return adopt(rpc, NETCONF_NS)
}
