import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createShutdown } from '../../src/app/stop-bridge.js'
import { createLog } from '../../src/telemetry/log.js'

function shutdownThatTells() {
  const told: string[] = []
  const lines: string[] = []
  const log = createLog({ level: 'info', format: 'json' }, { write: (line) => void lines.push(line) })
  return { shutdown: createShutdown(log), told, lines }
}

/** Work that ends when it is told to. */
function workUnderWay() {
  let end = (): void => undefined
  const work = new Promise<void>((resolve) => {
    end = resolve
  })
  return { work, end }
}

describe('the end of the bridge', () => {
  it('takes nothing new, waits for what is under way, ends the rest and closes, what was opened last first', async () => {
    const { shutdown, told } = shutdownThatTells()
    for (const stage of ['devices', 'clients']) {
      shutdown.close(async () => told.push(`close ${stage}`))
      shutdown.cutOff(() => told.push(`cut off ${stage}`))
      shutdown.drain(async () => told.push(`drain ${stage}`))
      shutdown.refuse(() => told.push(`refuse ${stage}`))
    }
    await shutdown.stop({ drainTimeout: 60_000 })
    expect(told).toEqual([
      'refuse clients',
      'refuse devices',
      'drain devices',
      'drain clients',
      'cut off clients',
      'cut off devices',
      'close clients',
      'close devices',
    ])
  })

  it('tells of what is cut off where it has not ended in time, and of nothing else', async () => {
    const { shutdown, told } = shutdownThatTells()
    shutdown.drain(() => workUnderWay().work)
    shutdown.cutOff(() => told.push('cut off'))
    await shutdown.stop({ drainTimeout: 1, onCutOff: async () => void told.push('told') })
    expect(told).toEqual(['told', 'cut off'])

    const quick = shutdownThatTells()
    quick.shutdown.drain(async () => undefined)
    await quick.shutdown.stop({ drainTimeout: 60_000, onCutOff: async () => void quick.told.push('told') })
    expect(quick.told).toEqual([])
  })

  it('comes once; whoever asks for it again waits for the same one, and may force it', async () => {
    const { shutdown, told } = shutdownThatTells()
    shutdown.drain(() => workUnderWay().work)
    shutdown.close(() => told.push('closed'))
    const stopped = shutdown.stop({ drainTimeout: 60_000 })
    await setImmediate()
    expect(told).toEqual([])
    await shutdown.stop({ drainTimeout: 60_000, force: AbortSignal.abort() })
    await stopped
    expect(told).toEqual(['closed'])
  })

  it('goes on where a step fails, and logs it', async () => {
    const { shutdown, told, lines } = shutdownThatTells()
    const fail = (): never => {
      throw new Error('a fault')
    }
    shutdown.close(() => told.push('closed'))
    shutdown.close(fail)
    shutdown.cutOff(fail)
    shutdown.drain(async () => fail())
    shutdown.refuse(fail)
    await shutdown.stop({ drainTimeout: 60_000 })
    expect(told).toEqual(['closed'])
    expect(lines).toHaveLength(4)
    expect(lines.join('')).toContain('did not end in order')
  })
})
