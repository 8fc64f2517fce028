import { networkInterfaces } from 'node:os'
import { expect, it } from 'vitest'
import { addressesOfThisMachine } from '../../src/app/addresses-of-this-machine.js'
import { createLog } from '../../src/telemetry/log.js'

const lines: string[] = []
const log = createLog({ level: 'info', format: 'json' }, { write: (line) => void lines.push(line) })

it('the addresses of this machine are those of its interfaces', () => {
  const known = Object.values(networkInterfaces()).flatMap((each) => each?.map(({ address }) => address) ?? [])
  expect(addressesOfThisMachine(log)).toEqual(known)
})

it('where nobody may ask for them none is known, which is a warning', () => {
  const forbidden = (): never => {
    throw new Error('uv_interface_addresses returned Unknown system error 97')
  }
  expect(addressesOfThisMachine(log, forbidden)).toEqual([])
  expect(lines.join('')).toMatch(/"level":"warn".*AF_NETLINK/)
})
