import { inBackground, reportFault } from '../lib/background.js'
import type { Log } from '../telemetry/log.js'

/** Milliseconds that an orderly end may take once the process cannot be relied on. */
const LAST_STOP = 5_000

/** Operations on sockets, whose failure is that of one connection. */
const SOCKET_CALLS = new Set(['read', 'write', 'shutdown', 'connect', 'accept'])

/**
 * Hears of failures that nobody has caught. A promise that rejected unheard, or a socket's error that nobody listens
 * for, concerns one flow of work alone: it is told, and the process goes on. Any other exception has cut off a piece of
 * work half way, whose state may be wrong: the process ends, in order as far as it can, for the service manager to
 * start it anew.
 * @param stop ends the bridge at once
 * @returns what ends that
 */
export function catchTheUncaught(
  log: Log,
  stop: () => Promise<void>,
  exit: (code: number) => void = (code) => process.exit(code),
): () => void {
  let ending = false
  const onRejection = (reason: unknown): void => reportFault('unhandled-rejection', reason)
  const onException = (error: unknown): void => {
    reportFault('uncaught-exception', error)
    if (ending || isOfOneSocket(error)) return
    ending = true
    log.fatal(
      { err: error, hint: 'please report this with the stack' },
      'stopping: a fault has left the state uncertain',
    )
    setTimeout(exit, LAST_STOP, 1).unref()
    inBackground('command', stopAndExit(stop, exit))
  }
  process.on('unhandledRejection', onRejection)
  process.on('uncaughtException', onException)
  return () => {
    process.off('unhandledRejection', onRejection)
    process.off('uncaughtException', onException)
  }
}

async function stopAndExit(stop: () => Promise<void>, exit: (code: number) => void): Promise<void> {
  try {
    await stop()
  } finally {
    exit(1)
  }
}

function isOfOneSocket(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('syscall' in error)) return false
  return SOCKET_CALLS.has(String(error.syscall))
}
