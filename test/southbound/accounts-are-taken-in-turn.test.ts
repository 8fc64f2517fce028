import { describe, expect, it } from 'vitest'
import { type AccountTurns, createAccountTurns } from '../../src/southbound/account-turns.js'
import { makeLink } from '../fleet/support/hand-made-link.js'

const lists = ['a', 'b'] as const

function take(
  turns: AccountTurns,
  mostLinks: number,
  deviceId = 'router1',
  names: readonly [string, ...string[]] = lists,
) {
  return turns.take(deviceId, names, mostLinks)
}

describe('a login to a device with a list of accounts', () => {
  it('takes the first that no link has, also while the other login is still under way', () => {
    const turns = createAccountTurns()
    expect([take(turns, 2).name, take(turns, 2).name]).toEqual(['a', 'b'])
  })

  it('takes one of those that the fewest have where there are more links than accounts', () => {
    const turns = createAccountTurns()
    expect([1, 2, 3, 4, 5].map(() => take(turns, 5).name)).toEqual(['a', 'b', 'a', 'b', 'a'])
  })

  it('takes the account of a login that failed, or of a link that ended', () => {
    const turns = createAccountTurns()
    const first = take(turns, 2)
    take(turns, 2)
    first.release()
    first.release()
    expect(take(turns, 2).name).toBe('a')
  })

  it('takes the account of the link that it will replace', () => {
    const turns = createAccountTurns()
    for (const _ of [1, 2]) take(turns, 2).keptBy(makeLink())
    // The device has lost both, and dials twice before the bridge notices.
    expect([take(turns, 2).name, take(turns, 2).name]).toEqual(['a', 'b'])
  })

  it('takes the account of the link that owes an answer before that of the oldest', () => {
    const turns = createAccountTurns()
    take(turns, 2).keptBy(makeLink({ unansweredFor: () => undefined }))
    take(turns, 2).keptBy(makeLink({ unansweredFor: () => 5_000 }))
    expect(take(turns, 2).name).toBe('b')
  })

  it('is not that of a link that has just come and been asked whether it is there', () => {
    const turns = createAccountTurns()
    const names = ['a', 'b', 'c'] as const
    const old = names.map(() => take(turns, 3, 'router1', names))
    for (const one of old) one.keptBy(makeLink())
    // All three come anew; the first of them is a link already, in the place of the oldest.
    const first = take(turns, 3, 'router1', names)
    first.keptBy(makeLink({ unansweredFor: () => 20 }))
    old[0]?.release()
    expect([first, ...[1, 2].map(() => take(turns, 3, 'router1', names))].map(({ name }) => name)).toEqual(names)
  })

  it('is on the first wherever there is one link', () => {
    const turns = createAccountTurns()
    expect([1, 2, 3].map(() => take(turns, 1).name)).toEqual(['a', 'a', 'a'])
  })

  it('has nothing to do with other devices, or with accounts that are not in its list', () => {
    const turns = createAccountTurns()
    take(turns, 3, 'router2')
    take(turns, 3, 'router1', ['c'])
    expect(take(turns, 3).name).toBe('a')
  })
})
