import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { endWhenNobodyReads } from '../../src/cli/when-nobody-reads.js'

/** A process of which is kept what becomes of it. */
function recordedProcess(waitsForSignals: boolean) {
  const told: unknown[] = []
  const stream = () => Object.assign(new EventEmitter(), { write: (text: string) => told.push(text) })
  const [stdout, stderr] = [stream(), stream()]
  endWhenNobodyReads({
    stdout: stdout as never,
    stderr: stderr as never,
    pid: 7,
    listenerCount: () => (waitsForSignals ? 1 : 0),
    kill: (...words: readonly unknown[]) => told.push(words) > 0,
    exit: (status: unknown) => told.push(['exit', status]),
  } as never)
  return { told, stdout, stderr }
}

const failure = (code: string): Error => Object.assign(new Error(`write ${code}`), { code })

describe('a command whose output nobody reads any more', () => {
  it('ends with the status that it has', () => {
    const { told, stdout } = recordedProcess(false)
    stdout.emit('error', failure('EPIPE'))
    expect(told).toEqual([['exit', undefined]])
  })

  it('is told to stop where it waits for that', () => {
    const { told, stdout } = recordedProcess(true)
    stdout.emit('error', failure('EPIPE'))
    expect(told).toEqual([[7, 'SIGTERM']])
  })

  it('goes on where only what is wrong is not read', () => {
    const { told, stderr } = recordedProcess(false)
    stderr.emit('error', failure('EPIPE'))
    expect(told).toEqual([])
  })

  it('says that it failed where its output cannot be kept', () => {
    const { told, stdout } = recordedProcess(false)
    stdout.emit('error', failure('ENOSPC'))
    expect(told).toEqual(['homeport: standard output cannot be written: ENOSPC\n', ['exit', 1]])
  })
})
