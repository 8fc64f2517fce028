import { hostname } from 'node:os'
import { expect, it } from 'vitest'
import { namesOfBridge } from '../../src/cli/bridge-host-keys.js'
import { configOf } from '../config/parse-text.js'

it.each([
  ['{ address: 127.0.0.1, host-ca: ca, host-names: [bridge, 127.0.0.1, bridge] }', ['bridge', '127.0.0.1']],
  ['{ address: 192.0.2.1, host-ca: ca, host-names: [bridge] }', ['bridge', '192.0.2.1']],
  ['{ address: "::", host-ca: ca }', [hostname()]],
])('each name that the host CA certifies stands once: %s', (ssh, names) => {
  expect(namesOfBridge(configOf(`endpoint: { ssh: ${ssh} }`))).toEqual(names)
})
