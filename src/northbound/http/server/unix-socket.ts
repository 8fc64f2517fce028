import { isDenial } from '../../../lib/is-denial.js'
import { lstat, stat, unlink } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import type { Log } from '../../../telemetry/log.js'
import type { Api } from '../api.js'

/** An API that answers on a Unix socket. */
export interface ServedSocket {
  readonly path: string
  /** Stops listening and removes the socket; requests under way have until the grace is over. */
  readonly close: () => Promise<void>
}

/** Why the API does not answer on a Unix socket. */
export interface ServeFailure {
  readonly reason: 'answered-by-another' | 'not-a-socket' | 'path-too-long' | 'not-permitted' | 'cannot-listen'
  readonly message: string
  readonly hint: string
}

export type Serving =
  | { readonly ok: true; readonly served: ServedSocket }
  | { readonly ok: false; readonly failure: ServeFailure }

export interface SocketOptions {
  readonly path: string
  /** Whether the group of its owner may open it too (mode 660 instead of 600). */
  readonly group?: boolean
  readonly log: Log
  /** Milliseconds that requests under way have when the socket is closed. */
  readonly closeGrace?: number
}

/**
 * What fits into `sun_path`, with its zero byte: 108 on Linux, 104 on BSD and macOS. Node would cut a longer path off.
 */
const longestPath = process.platform === 'linux' ? 107 : 103
/** Operators and their scripts, not the world. */
const MAX_CONNECTIONS = 128
const REQUEST_TIMEOUT = 30_000
const USUAL_CLOSE_GRACE = 5_000

/**
 * Answers on a Unix socket that only its owner may open (mode 600), and its group where that is wanted.
 * A socket that a killed bridge left behind is replaced; one that still answers is not.
 */
export async function serveOnSocket(app: Pick<Api, 'fetch'>, options: SocketOptions): Promise<Serving> {
  const { path, group = false, log, closeGrace = USUAL_CLOSE_GRACE } = options
  if (Buffer.byteLength(path) > longestPath) return refused(pathTooLong(path))
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT }, listenerOf(app))
  server.maxConnections = MAX_CONNECTIONS
  let failure = await bindPrivately(server, path, group)
  if (failure?.code === 'EADDRINUSE') {
    const problem = await removeStale(path)
    if (problem !== undefined) return refused(problem)
    failure = await bindPrivately(server, path, group)
  }
  if (failure !== undefined) return refused(await cannotListen(path, failure))
  // One failed accept, for want of file descriptors say: the next one may succeed.
  server.on('error', (error) =>
    log.error({ path, hint: 'raise LimitNOFILE' }, `connection not accepted: ${error.message}`),
  )
  return { ok: true, served: { path, close: closing(server, closeGrace) } }
}

function listenerOf({ fetch }: Pick<Api, 'fetch'>) {
  const listener = getRequestListener((request, env) => fetch(request, env))
  return (...[incoming, outgoing]: Parameters<typeof listener>): void => void listener(incoming, outgoing)
}

/** Listens, or says why not. */
function bindPrivately(server: Server, path: string, group: boolean): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    server.once('error', resolve)
    // listen() binds before it returns, so the socket is private from its first moment, and nothing else runs in
    // between.
    const usual = process.umask(group ? 0o117 : 0o177)
    try {
      server.listen(path, () => {
        server.off('error', resolve)
        resolve(undefined)
      })
    } finally {
      process.umask(usual)
    }
  })
}

/** Removes a socket that nobody answers on; else says what stands there. */
async function removeStale(path: string): Promise<ServeFailure | undefined> {
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined) return undefined
  if (!found.isSocket())
    return {
      reason: 'not-a-socket',
      message: `${path} is there already and is no socket`,
      hint: 'move it away, or name another data-dir',
    }
  const code = await dial(path)
  if (code === 'ENOENT') return undefined
  if (isDenial(code))
    return {
      reason: 'not-permitted',
      message: `${path} belongs to another user (uid ${found.uid})`,
      hint: 'run the bridge as that user, or name another data-dir',
    }
  if (code !== 'ECONNREFUSED')
    return {
      reason: 'answered-by-another',
      message: `another bridge answers on ${path}`,
      hint: 'stop it first, or give this one a data-dir of its own',
    }
  const failure = await unlink(path).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error,
  )
  return failure === undefined || failure.code === 'ENOENT' ? undefined : cannotListen(path, failure)
}

/** Connects and hangs up; the code of the error, where it came to nothing. */
function dial(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(undefined)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
  })
}

/** Closes once, however often it is called. Node removes the socket as it stops listening. */
function closing(server: Server, grace: number): () => Promise<void> {
  let closed: Promise<void> | undefined
  // A connection that is kept alive would hold up the end until it times out.
  server.on('request', (_, response) =>
    response.once('close', () => {
      if (closed !== undefined) server.closeIdleConnections()
    }),
  )
  return () => {
    closed ??= new Promise((resolve) => {
      const overdue = setTimeout(() => server.closeAllConnections(), grace)
      server.close(() => {
        clearTimeout(overdue)
        resolve()
      })
    })
    return closed
  }
}

function pathTooLong(path: string): ServeFailure {
  return {
    reason: 'path-too-long',
    message: `${path} is too long for a Unix socket (${Buffer.byteLength(path)} bytes, ${longestPath} at most)`,
    hint: 'give a data-dir with a shorter path',
  }
}

async function cannotListen(path: string, { code, message }: NodeJS.ErrnoException): Promise<ServeFailure> {
  const directory = dirname(path)
  // Node says EACCES of a directory that is not there.
  if ((await stat(directory).catch((error: NodeJS.ErrnoException) => error.code)) === 'ENOENT')
    return { reason: 'cannot-listen', message: `there is no directory ${directory}`, hint: 'make the data-dir first' }
  if (isDenial(code))
    return {
      reason: 'not-permitted',
      message: `not permitted to make the socket ${path}`,
      hint: 'give a data-dir that the user of the bridge may write',
    }
  return {
    reason: 'cannot-listen',
    message: `cannot listen on ${path}: ${code ?? message}`,
    hint: 'check the data-dir and its file system',
  }
}

const refused = (failure: ServeFailure): Serving => ({ ok: false, failure })
