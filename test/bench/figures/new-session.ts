import type { Benchmark, Effort, Figure } from '../figure.js'
import { openLab } from '../parts/lab.js'
import { timeNewSession } from '../parts/new-session.js'
import { median } from '../parts/statistics.js'
import { takeTurns, valueOf } from '../parts/take-turns.js'
import { buildBefore, homeportPath } from '../paths/homeport-path.js'
import { directPath, muxPath, reversePath, startDialledDevice } from '../paths/openssh-paths.js'

const distance = 50

export const newSession: Benchmark = {
  name: 'new-session',
  about: 'connect to hello, near and with 50 ms between bridge and device',
  quick: true,
  run: async (effort) => [await measure(effort, 0, 0.5), await measure(effort, distance, 0.4)],
}

async function measure({ quick, rounds }: Effort, roundTripMs: number, allowed: number): Promise<Figure> {
  const lab = await openLab()
  try {
    const device = await startDialledDevice(lab, roundTripMs)
    const far = roundTripMs > 0
    const paths = [
      directPath(lab, device),
      await homeportPath(lab, { roundTripMs }),
      ...(await buildBefore(lab, { roundTripMs })),
      ...(far
        ? [await homeportPath(lab, { name: 'homeport, spare channel', roundTripMs, device: { 'spare-channels': 1 } })]
        : []),
      ...(quick ? [] : [await muxPath(lab, device), await reversePath(lab, device)]),
    ]
    for (const path of paths) await timeNewSession(path)
    const measured = await takeTurns(paths, rounds, async (path) => {
      const times: number[] = []
      for (let session = 0; session < (quick ? 2 : far ? 3 : 8); session += 1) {
        times.push(await timeNewSession(path))
        // A spare channel is opened anew once one was taken: clients do not come without a pause.
        if (far) await new Promise((resolve) => setTimeout(resolve, 4 * roundTripMs))
      }
      return median(times)
    })
    const direct = valueOf(measured, 'direct')
    const ratio = (path: string): number => valueOf(measured, path) / direct
    return {
      title: `New session, connect to hello${far ? `, ${roundTripMs} ms round trip on the device's side` : ''}`,
      unit: 'ms',
      measured,
      promised: [
        { what: 'homeport / direct', value: ratio('homeport'), bound: 'at most', allowed },
        ...(far
          ? [
              {
                what: 'homeport with a spare channel / direct',
                value: ratio('homeport, spare channel'),
                bound: 'at most' as const,
                allowed: 0.05,
              },
            ]
          : []),
      ],
    }
  } finally {
    await lab.end()
  }
}
