import { afterEach, describe, expect, it } from 'vitest'
import { inBackground, oneAfterAnother, reportFault, tellFaultsTo } from '../../src/lib/background.js'
import { createTimeSlicer } from '../../src/lib/time-slicer.js'

const broken = new Error('broken')

let stop = (): void => undefined
afterEach(() => stop())

/** The faults that are told from now on. */
function listen(): [place: string, error: unknown][] {
  const told: [string, unknown][] = []
  stop = tellFaultsTo((place, error) => void told.push([place, error]))
  return told
}

/** Lets everything that is settled be heard of. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('work in the background', () => {
  it('that fails is told once, and what it was for is ended', async () => {
    const told = listen()
    let ended = 0
    inBackground('session', Promise.reject(broken), () => {
      ended += 1
    })
    inBackground('session', Promise.resolve(1), () => {
      ended += 1
    })
    await turn()
    expect(told).toEqual([['session', broken]])
    expect(ended).toBe(1)
  })

  it('is told of also where its end fails, or the listener does', async () => {
    const told = listen()
    const another = new Error('the end is broken too')
    inBackground('client', Promise.reject(broken), () => {
      throw another
    })
    await turn()
    expect(told).toEqual([
      ['client', broken],
      ['client', another],
    ])
  })

  it('goes unseen by nobody: without a listener it is thrown', async () => {
    const seen = new Promise((resolve) => {
      const before = process.listeners('uncaughtException')
      process.removeAllListeners('uncaughtException')
      process.once('uncaughtException', (error) => {
        for (const listener of before) process.on('uncaughtException', listener)
        resolve(error)
      })
    })
    reportFault('fleet', broken)
    expect(await seen).toBe(broken)
  })
})

describe('tasks one after another', () => {
  it('go on after one that failed', async () => {
    const told = listen()
    const done: string[] = []
    let ended = 0
    const inTurn = oneAfterAnother('webhooks', () => {
      ended += 1
    })
    inTurn(async () => {
      await turn()
      done.push('first')
    })
    inTurn(() => {
      throw broken
    })
    const last = new Promise<void>((resolve) => {
      inTurn(() => {
        done.push('last')
        resolve()
      })
    })
    await last
    expect(done).toEqual(['first', 'last'])
    expect(told).toEqual([['webhooks', broken]])
    expect(ended).toBe(1)
  })
})

describe('work in turns', () => {
  it('goes on after a piece that threw, which is told', async () => {
    const told = listen()
    const turns = createTimeSlicer()
    turns(() => {
      throw broken
    })
    await new Promise<void>((resolve) => turns(resolve))
    expect(told).toEqual([['handshake', broken]])
  })
})
