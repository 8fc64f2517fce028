import { describe, expect, it } from 'vitest'
import { addonFault } from '../../../src/ssh/ssh2/addon.js'
import { wouldAbort } from '../../../src/ssh/ssh2/fatal-addon.mjs'
import { whyCiphersAreSlow } from '../../../src/ssh/ssh2/load.js'

const withTheCall = Buffer.from('\0ELF _ZN4node28RemoveEnvironmentCleanupHookEPN2v87IsolateEPFvPvES3_ \0')
const without = Buffer.from('\0ELF _ZN4node10ObjectWrap3RefEv \0')

describe('an addon with the call that ends the process', () => {
  it.each(['20.19.0', '22.23.1', '23.11.0', '24.18.0', '24.19.0', '24.21.0', '25.9.0', '26.3.1'])(
    'is not run by Node %s',
    (node) => {
      expect(wouldAbort(withTheCall, node)).toBe(true)
      expect(wouldAbort(without, node)).toBe(false)
    },
  )

  it.each(['24.22.0', '24.22.3', '26.4.0', '26.10.0', '27.0.0'])(
    'is run by Node %s, which answers the call',
    (node) => {
      expect(wouldAbort(withTheCall, node)).toBe(false)
    },
  )
})

describe('the hint of a bridge that is slow', () => {
  it('asks for a compiler where nothing was compiled', () => {
    expect(addonFault(undefined, '20.20.2').hint).toMatch(/g\+\+.*npm rebuild ssh2/)
  })

  it('asks for none where none helps, but for another Node', () => {
    for (const compiled of [undefined, without, withTheCall]) {
      const { cause, hint } = addonFault(compiled, '26.10.0')
      expect(`${cause}: ${hint}`).not.toMatch(/g\+\+|npm rebuild/)
      expect(hint).toMatch(/Node 24/)
    }
  })

  it('says which Node to take where the addon would end this one', () => {
    expect(addonFault(withTheCall, '24.21.0').hint).toMatch(/24\.22 or later/)
  })

  it('asks to compile anew what another Node has compiled', () => {
    expect(addonFault(without, '24.22.3')).toEqual({
      cause: expect.stringContaining('another Node than 24.22.3'),
      hint: 'run `npm rebuild ssh2`',
    })
  })
})

it('the addon of this installation is used, if there may be one', () => {
  const fault = whyCiphersAreSlow()
  if (Number.parseInt(process.versions.node, 10) > 24) expect(fault?.hint).toMatch(/Node 24/)
  else expect(fault).toBeUndefined()
})
