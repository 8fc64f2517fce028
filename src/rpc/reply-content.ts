import type { Readable } from 'node:stream'
import type { StreamedReply } from '../netconf/reply-sinks.js'
import { findRootStartTag } from '../netconf/xml/root-start-tag.js'

/** A part of a reply did not come in time. */
export class ReplyStalled extends Error {}

/**
 * A reply was longer than one may be that has to be held whole, because it may hold errors or because its reader wants
 * it whole.
 */
export class ReplyTooLong extends Error {
  constructor(
    message: string,
    readonly mayBe: 'errors' | 'content',
  ) {
    super(message)
  }
}

/** The beginning of a reply's body. The rest, where there is one, is still in the body. */
export interface ReplyBeginning {
  readonly parts: readonly Buffer[]
  readonly bytes: number
  /** Whether it is all there is. */
  readonly whole: boolean
}

/**
 * Reads a body until it ends or `wanted` bytes are there, what was read `already` included; `stallTimeout` is in
 * milliseconds, between two parts.
 * @throws ReplyStalled, or the reason why the session ended
 */
export async function readBeginning(
  body: Readable,
  {
    wanted,
    stallTimeout,
    already,
  }: { readonly wanted: number; readonly stallTimeout: number; readonly already?: ReplyBeginning },
): Promise<ReplyBeginning> {
  const parts = [...(already?.parts ?? [])]
  let bytes = already?.bytes ?? 0
  while (bytes < wanted) {
    const part = await nextPart(body, stallTimeout)
    if (part === undefined) return { parts, bytes, whole: true }
    parts.push(part)
    bytes += part.length
  }
  return { parts, bytes, whole: body.readableEnded }
}

/**
 * The same for a body that has to be held whole.
 * @throws ReplyTooLong as well, for one of more than `most` bytes
 */
export async function readWhole(
  body: Readable,
  options: {
    readonly most: number
    readonly mayBe: ReplyTooLong['mayBe']
    readonly stallTimeout: number
    readonly already: ReplyBeginning
  },
): Promise<ReplyBeginning> {
  const { most, mayBe, stallTimeout, already } = options
  const read = already.whole ? already : await readBeginning(body, { wanted: most + 1, stallTimeout, already })
  if (read.bytes > most) throw new ReplyTooLong(`the reply is longer than ${most} octets`, mayBe)
  return read
}

/** What is there next, undefined at the end. */
export function nextPart(body: Readable, stallTimeout: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      clearTimeout(timer)
      body.off('readable', look)
      body.off('end', ended)
      body.off('error', failed)
      body.off('close', ended)
      act()
    }
    const look = (): void => {
      const part = body.read() as Buffer | null
      if (part !== null) settle(() => resolve(part))
    }
    const ended = (): void => settle(() => (body.errored === null ? resolve(undefined) : reject(body.errored)))
    const failed = (error: Error): void => settle(() => reject(error))
    const timer = setTimeout(() => settle(() => reject(new ReplyStalled('nothing more came'))), stallTimeout)
    if (body.destroyed || body.readableEnded) return ended()
    body.on('readable', look)
    body.once('end', ended)
    body.once('error', failed)
    body.once('close', ended)
    look()
  })
}

/** Whether a reply may hold errors: whether it is worth parsing for them, or has to be, to tell its status. */
export function mayHoldErrors({ selfClosing }: StreamedReply, { parts, whole }: ReplyBeginning): boolean {
  if (selfClosing) return false
  const text = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)
  if (whole) return text.includes('rpc-error')
  // What begins with errors is nothing but errors; what begins with data is passed on before its end is known.
  const first = findRootStartTag(text)
  return (
    first.kind === 'found' && /^<(?:[^\s/>:]+:)?rpc-error[\s/>]/.test(text.toString('latin1', first.start, first.end))
  )
}
