import type { CertificateRequest } from '../../ssh/sign-certificate.js'

/** For how long a certificate is to be valid, in seconds. */
export type CertificateValidity = number | 'always'

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** No certificate is planned for longer, and dates stay far from the end of what JavaScript can tell. */
const LONGEST = 5200 * 604_800

/** Reads `52w`, `1w2d` or `+12h` as ssh-keygen's -V does, or `always`; undefined when it is neither. */
export function readValidity(text: string): CertificateValidity | undefined {
  if (text === 'always') return text
  const [, parts] = /^\+?((?:\d+[smhdw])+)$/.exec(text) ?? []
  if (parts === undefined) return undefined
  const seconds = [...parts.matchAll(/(\d+)([smhdw])/g)].reduce(
    (sum, [, count = '', unit = '']) => sum + Number(count) * (units[unit] ?? Number.NaN),
    0,
  )
  return seconds > 0 && seconds <= LONGEST ? seconds : undefined
}

/** From now on; like ssh-keygen it begins a minute ago, at a whole minute, because clocks differ. */
export function periodOf(validity: CertificateValidity, now: Date): CertificateRequest['validity'] {
  if (validity === 'always') return validity
  const seconds = Math.floor(now.getTime() / 1000)
  const from = Math.floor((seconds - 59) / 60) * 60
  return { from: new Date(from * 1000), to: new Date((seconds + validity) * 1000) }
}
