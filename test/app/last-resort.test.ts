import { afterEach, describe, expect, it } from 'vitest'
import { catchTheUncaught } from '../../src/app/last-resort.js'
import { tellFaultsTo } from '../../src/lib/background.js'
import { createLog } from '../../src/telemetry/log.js'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0).toReversed()) cleanup()
})

/** The handlers of last resort in place of those of the test runner, and what they have done. */
function install() {
  const told: string[] = []
  const lines: string[] = []
  const log = createLog({ level: 'info', format: 'json' }, { write: (line) => lines.push(line) })
  let stops = 0
  const rejections = process.listeners('unhandledRejection')
  const exceptions = process.listeners('uncaughtException')
  process.removeAllListeners('unhandledRejection').removeAllListeners('uncaughtException')
  cleanups.push(() => {
    for (const listener of rejections) process.on('unhandledRejection', listener)
    for (const listener of exceptions) process.on('uncaughtException', listener)
  })
  cleanups.push(tellFaultsTo((place) => void told.push(place)))
  const exited = new Promise<number>((resolve) => {
    const stop = async (): Promise<void> => {
      stops += 1
    }
    cleanups.push(catchTheUncaught(log, stop, resolve))
  })
  return { told, lines, exited, stops: () => stops }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('what nobody has caught', () => {
  it('is told and ends nothing: a promise that rejected', async () => {
    const { told, stops } = install()
    process.emit('unhandledRejection', new Error('late'), Promise.resolve())
    await turn()
    expect(told).toEqual(['unhandled-rejection'])
    expect(stops()).toBe(0)
  })

  it.each(['read', 'write'])(
    'is told and ends nothing: the error of a socket (%s) that nobody listens to',
    async (syscall) => {
      const { told, stops } = install()
      process.emit('uncaughtException', Object.assign(new Error('ECONNRESET'), { syscall, code: 'ECONNRESET' }))
      await turn()
      expect(told).toEqual(['uncaught-exception'])
      expect(stops()).toBe(0)
    },
  )

  it('ends the process in order, once: any other exception', async () => {
    const { told, lines, exited, stops } = install()
    process.emit('uncaughtException', new TypeError('half way'))
    process.emit('uncaughtException', new TypeError('and again'))
    expect(await exited).toBe(1)
    expect(stops()).toBe(1)
    expect(told).toEqual(['uncaught-exception', 'uncaught-exception'])
    expect(lines.filter((line) => line.includes('"level":"fatal"'))).toHaveLength(1)
  })
})
