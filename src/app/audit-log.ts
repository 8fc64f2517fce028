import { join } from 'node:path'
import type { SelectableDevice } from '../access/authz/device-selector.js'
import { type AuditLog, createAuditLog } from '../audit/audit-log.js'
import { type AuditFile, openAuditFile } from '../audit/files/audit-file.js'
import { type AuditIndex, openAuditIndex } from '../audit/files/audit-index.js'
import type { FileFailure } from '../audit/files/file-error.js'
import type { TranscriptSettings } from '../audit/files/transcript-thread.js'
import { SECRET_NAMES } from '../audit/secret-names.js'
import { createTranscripts } from '../audit/transcripts.js'
import type { Config } from '../config/schema.js'
import type { Live } from '../lib/live-value.js'
import type { Log } from '../telemetry/log.js'
import type { AuditMetrics, OperationMetrics } from '../telemetry/metrics.js'
import { StartError } from './start-error.js'

/** The audit log of a running bridge: who writes it, and who may search it. */
export interface RunningAuditLog {
  readonly auditLog: AuditLog
  readonly find: AuditIndex['find']
  /** Why lines cannot be written at present; undefined when they can. */
  readonly problem: () => FileFailure | undefined
  /** Why no new session or call may begin at present; undefined when one may. */
  readonly refuses: () => FileFailure | undefined
  /** Ends the sessions that are still open in it, and writes what waits. */
  readonly close: () => Promise<void>
}

type AuditConfig = Pick<Config, 'audit' | 'dataDir'>

/**
 * What of the audit log is in `data-dir` unless the configuration says otherwise. The names are older than the log's
 * own, so that whoever ships it elsewhere finds it where it was.
 */
export const AUDIT_FILES = { log: 'record.jsonl', index: 'record.db', transcripts: 'transcripts' } as const

/** The file of the audit log. */
export function auditFileOf({ audit, dataDir }: AuditConfig): string {
  return audit.file ?? join(dataDir, AUDIT_FILES.log)
}

/**
 * Opens the audit log's file and its database. Throws `StartError` where nobody will ever be able to write the file.
 */
export async function startAuditLog(options: {
  readonly settings: Live<{ readonly config: AuditConfig }>
  readonly log: Log
  readonly metrics: Pick<OperationMetrics, 'rpcEnded' | 'rpcsSummed'> & AuditMetrics
  readonly device: (id: string) => SelectableDevice
}): Promise<RunningAuditLog> {
  const { settings, log, metrics, device } = options
  const initial = settings.current.config
  const file = openFile(initial, log, metrics)
  const problem = await file.prepare()
  // A disk that is full may have room again; a file that is not ours will not become so.
  if (problem?.reason === 'not-permitted') throw new StartError(`audit.file: ${problem.message}`, problem.hint)
  const index = openIndex(initial, log)
  const transcripts = createTranscripts({
    choice: initial.audit.full,
    settings: transcriptSettings(initial),
    device,
    onProblem: ({ sessionId, user, deviceId }, { message, hint }) =>
      log.error({ sessionId, user, deviceId, hint }, `session not written down in full: ${message}`),
  })
  const auditLog = createAuditLog({
    sink: {
      write: (entry) => {
        const line = JSON.stringify(entry)
        file.append(line)
        index.append(line, entry)
      },
      problem: file.problem,
    },
    whenFull: () => settings.current.config.audit.whenFull,
    onRpc: ({ via, outcome, durationSeconds }) => metrics.rpcEnded(via, outcome, durationSeconds),
    maxReadLines: () => settings.current.config.audit.maxReadLinesPerUser,
    onSummedUser: (user) =>
      log.warn({ user, hint: SUMMED_HINT }, 'reads of a user are summed in the audit log for up to an hour'),
    onSummed: metrics.rpcsSummed,
    observe: transcripts.observe,
    onFault: (error) => log.error({ err: error }, 'a session is audited no further: a fault of the bridge'),
  })
  settings.onChange(
    ({ config }) => config,
    (next) => {
      file.configure(next.audit)
      index.retain(next.audit)
      transcripts.configure(next.audit.full, transcriptSettings(next))
      // It may have been moved away.
      file.reopen()
    },
  )
  return {
    auditLog,
    find: index.find,
    problem: file.problem,
    refuses: () => (settings.current.config.audit.whenFull === 'refuse' ? file.problem() : undefined),
    close: async () => {
      auditLog.close()
      await file.close()
      await index.close()
      await transcripts.close()
    },
  }
}

const SUMMED_HINT = 'raise audit.max-read-lines-per-user with audit.max-size and audit.max-rows, or let it read less'

function transcriptSettings({ audit, dataDir }: AuditConfig): TranscriptSettings {
  const { directory, redact, maxMessageSize, maxSizePerSession, maxSize } = audit.full
  return {
    directory: directory ?? join(dataDir, AUDIT_FILES.transcripts),
    maxSizePerSession,
    maxSize,
    maxMessageSize,
    // What a device's vendor calls a secret is added to what is known: naming one more switches none off.
    redact: [...SECRET_NAMES, ...redact],
  }
}

function openFile(config: AuditConfig, log: Log, metrics: AuditMetrics): AuditFile {
  return openAuditFile({
    path: auditFileOf(config),
    limits: config.audit,
    onState: (problem) => {
      if (problem === undefined) log.info('the record is written again')
      else log.error({ reason: problem.reason, hint: problem.hint }, `record not written: ${problem.message}`)
    },
    onLost: (lines) => {
      metrics.linesLost(lines)
      log.error({ lines, hint: 'raise audit.max-waiting, or watch the disk' }, 'lines of the audit log are lost')
    },
  })
}

function openIndex({ audit, dataDir }: AuditConfig, log: Log): AuditIndex {
  return openAuditIndex({
    file: join(dataDir, AUDIT_FILES.index),
    retention: { keep: audit.keep, maxRows: audit.maxRows },
    onState: (problem, missing) => {
      if (problem === undefined)
        log.warn({ lines: missing }, 'homeport audit finds new lines again; those missing are in the audit log’s file')
      else log.error({ hint: problem.hint }, `the audit lacks lines: ${problem.message}`)
    },
  })
}
