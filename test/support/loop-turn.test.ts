import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { afterEach, expect, test } from 'vitest'
import { collectLines } from '../e2e/parts/lines.js'
import { LONGEST_TURN, longestTurnOf, type LoopTurns, measureLoopTurns, reportsLoopTurns } from './loop-turn.js'

let turns: LoopTurns
const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  turns?.stop()
  for (const end of ends.splice(0)) await end()
})

/** Keeps this thread busy for that many milliseconds of the process's CPU time. */
function work(milliseconds: number): void {
  const began = process.cpuUsage()
  const spent = (): number => {
    const { user, system } = process.cpuUsage(began)
    return (user + system) / 1000
  }
  while (spent() < milliseconds);
}

test('a turn that works too long is found', async () => {
  turns = measureLoopTurns()
  await nextTurn()
  work(2 * LONGEST_TURN)
  expect(turns.longest()).toBeGreaterThan(LONGEST_TURN)
  await sleep(20)
  work(1)
  expect(turns.stop()).toBeGreaterThan(LONGEST_TURN)
})

test('the same work in pieces is no long turn', async () => {
  turns = measureLoopTurns()
  for (let piece = 0; piece < 20; piece += 1) {
    work(10)
    await nextTurn()
  }
  expect(turns.stop()).toBeLessThan(LONGEST_TURN)
})

test('a turn that waits for the machine is no long turn', async () => {
  turns = measureLoopTurns()
  await nextTurn()
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4 * LONGEST_TURN)
  expect(turns.stop()).toBeLessThan(LONGEST_TURN)
})

test('the work of another thread is no turn of this one', async () => {
  const worker = new Worker('postMessage(0); for (;;);'.replace('post', "require('worker_threads').parentPort.post"), {
    eval: true,
  })
  ends.push(() => worker.terminate())
  await once(worker, 'message')
  turns = measureLoopTurns()
  await nextTurn()
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4 * LONGEST_TURN)
  expect(turns.stop()).toBeLessThan(LONGEST_TURN)
})

test('what was measured is forgotten', () => {
  turns = measureLoopTurns()
  work(2 * LONGEST_TURN)
  turns.longest()
  turns.restart()
  expect(turns.longest()).toBeLessThan(LONGEST_TURN)
})

test('a child process is asked for its longest turn since it was asked last', async () => {
  const program = `
    const work = ${work.toString()}
    process.stdin.on('data', (read) => { work(Number(read)); console.error('done') })
    console.error('listening')`
  const child = spawn(process.execPath, [...reportsLoopTurns, '-e', program], { stdio: ['pipe', 'ignore', 'pipe'] })
  const exited = once(child, 'exit')
  ends.push(() => {
    child.kill('SIGKILL')
    return exited
  })
  const lines = collectLines('the child')
  lines.add(child.stderr)
  await lines.match(/listening/)
  await longestTurnOf({ process: child, lines })
  child.stdin.write(String(3 * LONGEST_TURN))
  await lines.match(/done/, { timeoutMs: 60_000 })
  expect(await longestTurnOf({ process: child, lines })).toBeGreaterThan(LONGEST_TURN)
  expect(await longestTurnOf({ process: child, lines })).toBeLessThan(LONGEST_TURN)
})
