import { createCaller } from '../../e2e/support/http-api.js'
import type { RunningBridge } from '../../e2e/support/bridge.js'
import type { Benchmark, Effort, Figure } from '../figure.js'
import { type HttpPipe, openHttpPipe } from '../parts/http-pipe.js'
import { drive } from '../parts/drive.js'
import { type Lab, openLab } from '../parts/lab.js'
import { rateOfNcclient } from '../parts/ncclient-calls.js'
import { openPipe } from '../parts/netconf-pipe.js'
import { median } from '../parts/statistics.js'
import { takeTurns, valueOf } from '../parts/take-turns.js'
import { type HomeportPath, homeportPath } from '../paths/homeport-path.js'
import { startDialledDevice } from '../paths/openssh-paths.js'

const atOnce = 32
const operation = '<get/>'
const overHttp = 'homeport, HTTP'
const raw = 'homeport, session'
const script = 'ncclient, connects each time'

export const httpRpcs: Benchmark = {
  name: 'http-rpcs',
  about: 'RPCs a second over HTTP beside a script that connects for each, and what HTTP adds to one',
  quick: true,
  run: async (effort) => {
    const lab = await openLab()
    try {
      const homeport = await homeportPath(lab)
      const pipes = await openHttpPipes(lab, homeport.bridge)
      // The bridge is new and its code not compiled yet.
      await callsPerSecond(pipes, 1500)
      return [await throughputFigure(lab, pipes, effort), await latencyFigure(lab, homeport, pipes, effort)]
    } finally {
      await lab.end()
    }
  },
}

/** Kept connections of a client with a token. */
async function openHttpPipes(lab: Lab, bridge: RunningBridge): Promise<readonly HttpPipe[]> {
  const operator = createCaller(bridge, 1)
  const made = await operator.call('/api/v1/tokens', { body: { user: 'bench' } })
  operator.stop()
  const { token } = JSON.parse(made.body) as { readonly token: string }
  const request = {
    url: bridge.httpUrl,
    path: '/api/v1/devices/router1/rpc',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/xml' },
    body: operation,
  }
  const pipes = await Promise.all(Array.from({ length: atOnce }, () => openHttpPipe(request)))
  for (const pipe of pipes) lab.onEnd(async () => pipe.stop())
  return pipes
}

async function throughputFigure(lab: Lab, pipes: readonly HttpPipe[], { quick, rounds }: Effort): Promise<Figure> {
  const device = await startDialledDevice(lab)
  const subjects = [
    { name: overHttp, measure: () => callsPerSecond(pipes, quick ? 1000 : 4000) },
    { name: script, measure: () => rateOfNcclient(lab, device, quick ? 4 : 10) },
  ]
  const measured = await takeTurns(subjects, rounds, ({ measure }) => measure())
  return {
    title: `Small RPCs, HTTP with ${atOnce} calls at a time, and a script with ncclient that dials the device for each`,
    unit: 'RPC/s',
    measured,
    promised: [
      {
        what: `${overHttp} / ${script}`,
        value: valueOf(measured, overHttp) / valueOf(measured, script),
        bound: 'at least',
        allowed: 30,
      },
    ],
  }
}

async function callsPerSecond(pipes: readonly HttpPipe[], forMs: number): Promise<number> {
  return (await drive(pipes, forMs, (pipe) => pipe.call())).perSecond
}

async function latencyFigure(
  lab: Lab,
  { ssh }: HomeportPath,
  [http]: readonly HttpPipe[],
  { quick, rounds }: Effort,
): Promise<Figure> {
  if (http === undefined) throw new Error('no connection was opened')
  const session = await openPipe(ssh)
  lab.onEnd(session.stop)
  const subjects = [
    { name: overHttp, ask: () => http.call() },
    { name: raw, ask: () => session.rpc(operation) },
  ]
  for (const { ask } of subjects) await medianTime(ask, 300)
  const measured = await takeTurns(subjects, rounds, ({ ask }) => medianTime(ask, quick ? 300 : 1000))
  return {
    title: 'Small RPC, one at a time, over HTTP and on a session, p50',
    unit: 'ms',
    measured,
    promised: [
      {
        what: 'what HTTP adds, ms',
        value: valueOf(measured, overHttp) - valueOf(measured, raw),
        bound: 'at most',
        allowed: 1.5,
      },
    ],
  }
}

async function medianTime(ask: () => Promise<void>, count: number): Promise<number> {
  const times: number[] = []
  for (let at = 0; at < count; at += 1) {
    const began = performance.now()
    await ask()
    times.push(performance.now() - began)
  }
  return median(times)
}
