import type { AuditLine } from '../../northbound/http/routes/audit/line.js'
import { bytes } from './show-sessions.js'
import { shortTime, table } from '../table.js'

/** A table of lines of the audit log for people, in the order given. */
export function auditTable(lines: readonly AuditLine[]): string {
  if (lines.length === 0) return 'no such lines in the audit log\n'
  return table([
    ['TIME', 'USER', 'FROM', 'DEVICE', 'SESSION', 'WHAT', 'OUTCOME', 'SENT', 'RECEIVED', 'TOOK'],
    ...lines.map((line) => [
      shortTime(line.time),
      line.user ?? '-',
      line.source ?? '-',
      line.deviceId ?? '-',
      line.sessionId ?? '-',
      whatOf(line),
      outcomeOf(line),
      line.bytesFromClient === undefined ? '-' : bytes(line.bytesFromClient),
      line.bytesFromDevice === undefined ? '-' : bytes(line.bytesFromDevice),
      line.durationSeconds === undefined ? '-' : seconds(line.durationSeconds),
    ]),
  ])
}

function whatOf({ event, operation, datastore, request, channel, rpcs }: AuditLine): string {
  switch (event) {
    case 'rpc':
      return datastore === undefined ? (operation ?? '-') : `${operation} ${datastore}`
    case 'rpcs-summed':
      return `${rpcs} × ${operation}${datastore === undefined ? '' : ` ${datastore}`}`
    case 'session-opened':
      return `open ${request ?? channel ?? ''}`.trim()
    case 'session-refused':
      return `refused ${request ?? ''}`.trim()
    case 'key-replaced':
      return 'host key replaced'
    case 'session-closed':
      return 'close'
    default:
      return event
  }
}

function outcomeOf({ event, outcome, reason, endedBy, rpcs }: AuditLine): string {
  if (event === 'session-closed') return `by ${endedBy}${rpcs === undefined || rpcs === 0 ? '' : `, ${rpcs} RPCs`}`
  return outcome ?? reason ?? '-'
}

/** `3 ms`, `12.4 s`, `90 s`. */
function seconds(count: number): string {
  if (count < 1) return `${Math.round(count * 1000)} ms`
  return `${count < 60 ? Math.round(count * 10) / 10 : Math.round(count)} s`
}
