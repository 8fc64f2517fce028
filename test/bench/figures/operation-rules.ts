import type { Benchmark } from '../figure.js'
import { drive } from '../parts/drive.js'
import { openLab } from '../parts/lab.js'
import { type NetconfPipe, openPipe } from '../parts/netconf-pipe.js'
import { takeTurns, valueOf } from '../parts/take-turns.js'
import { buildBefore, homeportPath } from '../paths/homeport-path.js'

const sessions = 16

export const operationRules: Benchmark = {
  name: 'operation-rules',
  about: 'small RPCs a second of a role with operation rules, beside one without',
  quick: true,
  run: async ({ quick, rounds }) => {
    const lab = await openLab()
    try {
      const roles = {
        operator: { devices: ['*'], operations: ['*'] },
        viewer: { devices: ['*'], operations: ['get', 'get-config', 'get-schema', 'edit-config:candidate'] },
      }
      const limits = { link: { 'max-queued-sessions': 100 } }
      const paths = [
        await homeportPath(lab, { name: 'homeport', config: { ...limits, roles } }),
        ...(await buildBefore(lab, { config: { ...limits, roles }, roles: ['viewer'] })),
        await homeportPath(lab, { name: 'homeport, rules', config: { ...limits, roles }, roles: ['viewer'] }),
      ]
      const opened = []
      for (const path of paths) {
        const pipes = await Promise.all(Array.from({ length: sessions }, () => openPipe(path.ssh)))
        for (const pipe of pipes) lab.onEnd(pipe.stop)
        opened.push({ name: path.name, pipes })
      }
      for (const { pipes } of opened) await perSecond(pipes, quick ? 1000 : 2000)
      const measured = await takeTurns(opened, rounds, ({ pipes }) => perSecond(pipes, quick ? 1000 : 4000))
      return [
        {
          title: `Small RPCs, ${sessions} sessions, with and without operation rules`,
          unit: 'RPC/s',
          measured,
          promised: [
            {
              what: 'with rules / without',
              value: valueOf(measured, 'homeport, rules') / valueOf(measured, 'homeport'),
              bound: 'at least',
              allowed: 0.9,
            },
          ],
        },
      ]
    } finally {
      await lab.end()
    }
  },
}

async function perSecond(pipes: readonly NetconfPipe[], forMs: number): Promise<number> {
  return (await drive(pipes, forMs, (pipe) => pipe.rpc('<get/>'))).perSecond
}
