import type { AuditQuery } from '../audit-query.js'

/**
 * What a line has to hold, as text: a line is flat, and a quote within a value has a backslash before it, so none is
 * mistaken for a key.
 */
export interface WantedLine {
  readonly holds: readonly string[]
  /** In lower case, with its quotes. */
  readonly deviceId?: string
  readonly since: number
  readonly until: number
}

/** A query as what its lines look like. */
export function wantedLine(query: AuditQuery): WantedLine {
  const { deviceId, since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY } = query
  const names = ['user', 'sessionId', 'event', 'operation', 'outcome'] as const
  const holds = names.flatMap((name) =>
    query[name] === undefined ? [] : [`${JSON.stringify(name)}:${JSON.stringify(query[name])}`],
  )
  return {
    holds,
    since,
    until,
    ...(deviceId === undefined ? {} : { deviceId: lowerCase(deviceId) }),
  }
}

export function fits(line: string, { holds, deviceId, since, until }: WantedLine): boolean {
  if (!holds.every((text) => line.includes(text))) return false
  if (deviceId !== undefined && lowerCase(deviceIdIn(line) ?? '') !== deviceId) return false
  if (since === Number.NEGATIVE_INFINITY && until === Number.POSITIVE_INFINITY) return true
  const time = lineTime(line)
  return time >= since && time < until
}

const TIME = '{"time":"'

/** When a line was written, in milliseconds since 1970. Every line begins with its time. */
export function lineTime(line: string): number {
  const end = line.indexOf('"', TIME.length)
  const time = line.startsWith(TIME) ? Date.parse(line.slice(TIME.length, end)) : 0
  return Number.isNaN(time) ? 0 : time
}

/** Who did what the line tells; undefined where it tells of nobody. */
export function userIn(line: string): string | undefined {
  return textIn(line, '"user":"')
}

function deviceIdIn(line: string): string | undefined {
  return textIn(line, '"deviceId":"')
}

/** @param key with the quotes around it and the one before its value */
function textIn(line: string, key: string): string | undefined {
  const at = line.indexOf(key)
  if (at === -1) return undefined
  const start = at + key.length
  let end = line.indexOf('"', start)
  if (!line.slice(start, end).includes('\\')) return line.slice(start, end)
  while (line[end - 1] === '\\' && backslashesBefore(line, end) % 2 === 1) end = line.indexOf('"', end + 1)
  return JSON.parse(line.slice(start - 1, end + 1)) as string
}

function backslashesBefore(line: string, end: number): number {
  let at = end
  while (line[at - 1] === '\\') at -= 1
  return end - at
}

/** As SQLite's own `lower` has it: only ASCII letters. */
export function lowerCase(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
