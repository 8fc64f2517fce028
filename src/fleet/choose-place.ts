import type { Attachment, SessionPlace } from './fleet-entry.js'
import type { LinkAdmission } from './link-admission.js'
import type { ChannelRequest } from '../ssh/session-channel.js'

/** A link on which a session may be opened, and who gets on it. */
export interface Candidate {
  readonly attachment: Attachment
  readonly admission: LinkAdmission
}

/** A session that is wanted. */
export interface WantedSession {
  readonly request: ChannelRequest
  /** Links whose device has just refused it a channel: another one is tried first. */
  readonly refusedBy: ReadonlySet<Attachment>
}

/**
 * Takes a place for a session on the link that has the most free ones, and among equals on the one whose turn is next.
 * A spare channel counts as free: it is taken where it serves the session, and given up where the session needs its
 * place. A link whose device owes the bridge an answer comes after the others, because it may be half-open. Undefined
 * where all are full.
 */
export function takePlace(candidates: readonly Candidate[], wanted: WantedSession): SessionPlace | undefined {
  for (const candidate of inOrder(candidates, wanted)) {
    const place = placeOn(candidate, wanted)
    if (place === undefined) continue
    candidate.attachment.lastGiven = nextTurn(candidates)
    return place
  }
  return undefined
}

function placeOn({ attachment, admission: { slots, spares } }: Candidate, { request }: WantedSession) {
  const spare = attachment.link.perUser?.() === true ? undefined : spares.take(request)
  if (spare !== undefined) return { attachment, release: spare.release, spare }
  if (slots.free() === 0) spares.giveUp()
  const release = slots.take()
  return release === undefined ? undefined : { attachment, release }
}

function inOrder(candidates: readonly Candidate[], { refusedBy }: WantedSession): readonly Candidate[] {
  if (candidates.length < 2) return candidates
  const doubts = ({ attachment }: Candidate): number =>
    2 * Number(refusedBy.has(attachment)) + Number(attachment.link.unansweredFor?.() !== undefined)
  const free = ({ admission: { slots, spares } }: Candidate): number => slots.free() + spares.ready()
  const turn = ({ attachment: { lastGiven = 0 } }: Candidate): number => lastGiven
  return candidates
    .map((candidate) => ({ candidate, by: [doubts(candidate), -free(candidate), turn(candidate)] as const }))
    .toSorted(({ by: a }, { by: b }) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2])
    .map(({ candidate }) => candidate)
}

/** After that of every other link of the device. */
function nextTurn(candidates: readonly Candidate[]): number {
  return 1 + candidates.reduce((last, { attachment: { lastGiven = 0 } }) => Math.max(last, lastGiven), 0)
}

/**
 * Has as many held sessions give way as there are clients who wait, on links where that gives a client a place.
 * @param stallTimeout milliseconds that a held session gets to end
 */
export function makeRoom(candidates: readonly Candidate[], waiting: number, stallTimeout: number): void {
  let coming = candidates.filter(({ admission }) => admission.makesRoom()).length
  for (const { admission } of candidates) {
    if (coming >= waiting) return
    if (!admission.makesRoom() && admission.makeRoom(stallTimeout)) coming += 1
  }
}
