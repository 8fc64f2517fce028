import { expect, it } from 'vitest'
import { patternsIn, selectionOf } from '../../../src/access/authz/device-selection.js'
import { selectsDevice } from '../../../src/access/authz/device-selector.js'
import { operationOf } from '../../../src/access/authz/operation.js'
import { NETCONF_NS } from '../../../src/netconf/xml/namespaces.js'
import { element } from '../../../src/netconf/xml/xml-tree.js'

const selectors = ['edge-1', 'EDGE-2', 'core-*', 'site=tokyo', 'site=OSA*', 'a*=b', 'a*=c?', '=x', 'role=', '*=*']
const values = ['edge-1', 'edge-2', 'edge-3', 'core-1', 'tokyo', 'Tokyo', 'osaka', 'b', 'cd', 'x', '']

it('many selectors at once select what each of them does', () => {
  let selected = 0
  for (const selector of selectors)
    for (const id of values)
      for (const label of ['site', 'a*', 'ab', '', 'role', 'constructor'])
        for (const value of values) {
          const device = { id, labels: { [label]: value } }
          const expected = selectsDevice(selector, device)
          expect(selectionOf([selector])(device)).toBe(expected)
          if (expected) selected += 1
        }
  expect(selected).toBeGreaterThan(100)
})

it('only those with wildcards are held against every device', () => {
  expect(patternsIn(['edge-1', 'site=tokyo', 'a*=b'])).toBe(0)
  expect(patternsIn(['edge-*', 'site=tok?o'])).toBe('edge-*'.length + 'site=tok?o'.length)
})

it('a name that is longer than any is held against no rule', () => {
  const long = 'x'.repeat(1_000_000)
  expect(operationOf(element(NETCONF_NS, long))).toMatchObject({ unclear: expect.stringContaining('longer') })
  expect(operationOf(element(long, 'get')).namespace.length).toBeLessThan(2000)
  const lock = element(NETCONF_NS, 'lock', [element(NETCONF_NS, 'target', [element(NETCONF_NS, long)])])
  expect(operationOf(lock)).toMatchObject({ uses: [], unclear: expect.any(String) })
})
