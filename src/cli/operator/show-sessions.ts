import type { SessionView } from '../../northbound/http/routes/sessions/session.js'
import { table } from '../table.js'

/** A table of sessions for people, one a line. */
export function sessionTable(sessions: readonly Omit<SessionView, 'keyExchange' | 'link'>[], now: Date): string {
  if (sessions.length === 0) return 'no sessions\n'
  return table([
    ['ID', 'DEVICE', 'USER', 'FROM', 'VIA', 'CHANNEL', 'AGE', 'SENT', 'RECEIVED'],
    ...sessions.map(({ id, device, user, source, via, request, openedAt, bytesFromClient, bytesFromDevice }) => [
      id,
      device,
      user,
      source,
      via,
      request.kind === 'subsystem' ? request.name : `${request.kind} ${request.name}`.trim(),
      age(now.getTime() - Date.parse(openedAt)),
      bytes(bytesFromClient),
      bytes(bytesFromDevice),
    ]),
  ])
}

/** Milliseconds in the two largest units that say something: `4s`, `12m30s`, `3h05m`, `2d07h`. */
export function age(milliseconds: number): string {
  const seconds = Math.max(Math.floor(milliseconds / 1000), 0)
  const two = (count: number): string => String(count).padStart(2, '0')
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h${two(Math.floor((seconds % 3_600) / 60))}m`
  return `${Math.floor(seconds / 86_400)}d${two(Math.floor((seconds % 86_400) / 3_600))}h`
}

/** Bytes in the unit that leaves one to four digits: `812 B`, `1.4 MB`. */
export function bytes(count: number): string {
  const step = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), UNITS.length - 1)
  const value = count / 1000 ** step
  return `${step === 0 || value >= 100 ? Math.floor(value) : value.toFixed(1)} ${UNITS[step]}`
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const
