import { spawn } from 'node:child_process'
import type { Log } from '../telemetry/log.js'

/** Tells the service manager how the bridge is (sd_notify(3)); without one, nobody is told. */
export interface ServiceManager {
  /** The bridge serves; from now on the watchdog is fed by the event loop. */
  readonly ready: () => void
  /** Its configuration is being read again. */
  readonly reloading: () => void
  /** It serves again. @param status what `systemctl status` shows besides, empty for nothing */
  readonly reloaded: (status: string) => void
  readonly stopping: () => void
}

/**
 * Gives lines to systemd-notify, one call each. Every argument of a line is a word of ours, so no line holds a quote.
 */
const FORWARD_LINES = 'while IFS= read -r state; do systemd-notify "$state"; done'

type Variables = Readonly<Record<string, string | undefined>>

/**
 * Finds the service manager in the environment. systemd listens on a datagram socket, which Node cannot send to, so its
 * own `systemd-notify` does. A small shell starts it: to fork from the bridge itself would stop all sessions for as
 * long as the kernel copies its page tables. The unit needs `NotifyAccess=all`, as the words come from a child.
 *
 * @param env where systemd says so: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID (sd_watchdog_enabled(3))
 */
export function findServiceManager(env: Variables, log: Log, pid = process.pid): ServiceManager {
  if ((env['NOTIFY_SOCKET'] ?? '') === '')
    return { ready: () => {}, reloading: () => {}, reloaded: () => {}, stopping: () => {} }
  const tell = startNotifier(log)
  const interval = watchdogInterval(env, pid)
  let feeding: NodeJS.Timeout | undefined
  return {
    ready: () => {
      tell('READY=1')
      if (interval === undefined) return
      tell('WATCHDOG=1')
      feeding = setInterval(() => tell('WATCHDOG=1'), interval).unref()
    },
    reloading: () => tell('RELOADING=1'),
    reloaded: (status) => {
      tell(`STATUS=${status}`)
      tell('READY=1')
    },
    stopping: () => {
      clearInterval(feeding)
      tell('STOPPING=1')
    },
  }
}

/** Milliseconds between two signs of life: a third of what systemd waits, so that two may come late. */
export function watchdogInterval(env: Variables, pid: number): number | undefined {
  const microseconds = Number(env['WATCHDOG_USEC'] ?? '')
  const forUs = (env['WATCHDOG_PID'] ?? String(pid)) === String(pid)
  return forUs && microseconds > 0 ? Math.ceil(microseconds / 3000) : undefined
}

function startNotifier(log: Log): (state: string) => void {
  const notifier = spawn('/bin/sh', ['-c', FORWARD_LINES], { stdio: ['pipe', 'ignore', 'inherit'] })
  let failed = false
  const onError = (error: Error): void => {
    if (!failed) log.warn({ err: error }, 'the service manager cannot be told how the bridge is')
    failed = true
  }
  notifier.on('error', onError)
  notifier.stdin.on('error', onError)
  // It ends when this process does: nothing here waits for it.
  notifier.unref()
  return (state) => {
    if (!failed) notifier.stdin.write(`${state}\n`)
  }
}
