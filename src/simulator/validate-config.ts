import { type RpcError, rpcError } from '../netconf/rpc-error.js'
import { childText } from '../netconf/xml/xml-tree.js'
import { DEVICE_NS } from './data-model.js'
import { interfacesOf } from './data-node.js'
import type { Config } from './edit-config.js'

/** What makes a whole configuration unfit to run: an interface whose `parent` does not exist (RFC 7950 §15.5). */
export function validateConfig(config: Config): readonly RpcError[] {
  const interfaces = interfacesOf(config)
  const names = new Set(interfaces.map((one) => childText(one, DEVICE_NS, 'name')))
  return interfaces.flatMap((one) => {
    const parent = childText(one, DEVICE_NS, 'parent')
    if (parent === undefined || names.has(parent)) return []
    const name = childText(one, DEVICE_NS, 'name') ?? ''
    return rpcError('data-missing', `interface ${name} names the parent ${parent}, which does not exist`, {
      appTag: 'instance-required',
      path: `/dev:interfaces/dev:interface[dev:name='${name}']/dev:parent`,
      pathNamespaces: { dev: DEVICE_NS },
    })
  })
}
