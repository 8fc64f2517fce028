import type { Enrolment } from '../../src/store/enrolment.js'
import { minutesAfterNoon } from './store-room.js'

/** Where the writing process says that it sees devices; the other addresses belong to a generation. */
export const SEEN_FROM = '192.0.2.200'

/** An approval (or, every other time, its withdrawal) in which every part tells its generation. */
export function ofGeneration(deviceId: string, generation: number): Enrolment {
  const approved = generation % 2 === 1
  const at = minutesAfterNoon(generation)
  return {
    deviceId,
    standing: approved ? 'approved' : 'rejected',
    pins: Array.from({ length: (generation % 4) * 20 }, (_, i) => ({
      type: 'ssh-ed25519',
      blob: Buffer.alloc(300, `${deviceId} ${generation} ${i} `),
      addedAt: at,
      by: `netops ${generation}`,
    })),
    decision: { by: `netops ${generation}`, at, how: approved ? 'operator' : 'hmac' },
    addresses: Array.from({ length: generation % 6 }, (_, i) => `192.0.2.${i}`),
    secret: `secret ${generation}`,
    labels: { generation: String(generation) },
  }
}

/** The generation of an enrolment that `ofGeneration` made; 0 when there is none yet. */
export function generationOf(enrolment: Enrolment | undefined): number {
  return Number(enrolment?.labels.generation ?? 0)
}
