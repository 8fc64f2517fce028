import { hostname } from 'node:os'
import { expect, it } from 'vitest'
import { namesOfBridge } from '../../src/app/host-keys.js'
import { configOf } from '../config/parse-text.js'

it.each([
  ['127.0.0.1', ['bridge', '127.0.0.1', 'bridge'], ['bridge', '127.0.0.1']],
  ['192.0.2.1', ['bridge'], ['bridge', '192.0.2.1']],
  ['::', [], [hostname()]],
])('each name that the host CA certifies stands once: %s and %j', (address, hostNames, names) => {
  const { endpoint } = configOf('')
  expect(namesOfBridge({ endpoint: { ...endpoint, ssh: { ...endpoint.ssh, address, hostNames } } })).toEqual(names)
})
