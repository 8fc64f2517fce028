import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { watchSignals } from '../../src/cli/process-signals.js'

function ownProcess() {
  const killed: (string | number | undefined)[] = []
  const own = Object.assign(new EventEmitter(), {
    pid: 1,
    kill: (_pid: number, signal?: string | number) => killed.push(signal) > 0,
  })
  return { own: own as unknown as NodeJS.Process, killed, send: (signal: string) => own.emit(signal, signal) }
}

describe('signals', () => {
  it('that come before anybody asks are kept: one that stops, and that there was a SIGHUP', async () => {
    const { own, killed, send } = ownProcess()
    const signals = watchSignals('is-told', own)
    for (const signal of ['SIGHUP', 'SIGHUP', 'SIGTERM']) expect(send(signal)).toBe(true)
    let reloads = 0
    signals.onHangUp(() => (reloads += 1))
    expect(reloads).toBe(1)
    send('SIGHUP')
    expect(reloads).toBe(2)
    expect(await signals.nextStop()).toBe('SIGTERM')
    const next = signals.nextStop()
    send('SIGINT')
    expect(await next).toBe('SIGINT')
    expect(killed).toEqual([])
  })

  it('that stop twice before anybody asks end the process', () => {
    const { own, killed, send } = ownProcess()
    watchSignals('is-told', own)
    send('SIGTERM')
    send('SIGINT')
    expect(killed).toEqual(['SIGINT'])
    // Nobody holds the signal back that is sent then.
    expect(send('SIGINT') || send('SIGTERM') || send('SIGHUP')).toBe(false)
  })

  it('a SIGHUP stops where it is to', async () => {
    const { own, send } = ownProcess()
    const signals = watchSignals('stops', own)
    send('SIGHUP')
    expect(await signals.nextStop()).toBe('SIGHUP')
    signals.close()
    expect(send('SIGHUP')).toBe(false)
  })
})
