import { isDeepStrictEqual } from 'node:util'
import type { Enrolment } from './enrolment.js'
import type { Store, StoreFailure, StoreResult } from './store.js'

/** How much a store holds. */
export interface StoreContents {
  readonly devices: number
  readonly tokens: number
  readonly jobs: number
  readonly endpoints: number
  /** Devices that were attached when it was used last. */
  readonly attached: number
}

/** Enrolments that are read together. */
const PAGE = 500
/** Writes at a time: a database answers many together hardly later than one. */
const AT_ONCE = 8

/** What a store holds, counted. Rejects as its reads do. */
export async function contentsOf(store: Store): Promise<StoreContents> {
  return {
    devices: await store.enrolments.count(),
    tokens: (await store.tokens.list()).length,
    jobs: (await store.jobs.list()).length,
    endpoints: (await store.endpoints.list()).length,
    attached: store.attached.before.deviceIds.length,
  }
}

/** Whether there is nothing in it. */
export function isEmpty(contents: StoreContents): boolean {
  return Object.values(contents).every((count) => count === 0)
}

/**
 * Writes all that one store holds into another one, which is empty. What is attached is written when that one is
 * closed. Rejects as reads do.
 */
export async function copyStore(from: Store, to: Store): Promise<StoreResult<undefined>> {
  try {
    for await (const page of pagesOf(from))
      await inGroups(page, async (enrolment) => done(await to.enrolments.update(enrolment.deviceId, () => enrolment)))
    await inGroups(await from.tokens.list(), async (token) => done(await to.tokens.update(token.id, () => token)))
    await inGroups(await from.jobs.list(), async (job) => done(await to.jobs.put(job)))
    done(await to.endpoints.change({ release: [], give: await from.endpoints.list() }))
  } catch (error) {
    if (error instanceof NotWritten) return { ok: false, failure: error.failure }
    throw error
  }
  for (const deviceId of from.attached.before.deviceIds) to.attached.note(deviceId, true)
  return { ok: true, value: undefined }
}

/**
 * What of one store is not the same in another one, such as `device "router1"`; undefined where all is. Both have been
 * opened since they were written. Rejects as reads do.
 */
export async function firstDifference(one: Store, other: Store): Promise<string | undefined> {
  const others = pagesOf(other)
  for await (const page of pagesOf(one)) {
    const { value = [] } = (await others.next()) as { readonly value?: readonly Enrolment[] }
    const index = page.findIndex((enrolment, at) => !isDeepStrictEqual(enrolment, value[at]))
    if (index >= 0) return `device ${JSON.stringify(page[index]?.deviceId)}`
  }
  if ((await other.enrolments.count()) !== (await one.enrolments.count())) return 'how many devices there are'
  const attached = (store: Store): readonly string[] => store.attached.before.deviceIds.toSorted()
  const same = [
    ['tokens', await one.tokens.list(), await other.tokens.list()],
    ['jobs', await one.jobs.list(), await other.jobs.list()],
    ['ports and addresses of devices', await one.endpoints.list(), await other.endpoints.list()],
    ['which devices are attached', attached(one), attached(other)],
  ] as const
  return same.find(([, mine, theirs]) => !isDeepStrictEqual(mine, theirs))?.[0]
}

/** All enrolments, in their order. */
async function* pagesOf({ enrolments }: Store): AsyncGenerator<readonly Enrolment[]> {
  for (let after: string | undefined; ; ) {
    const page = await enrolments.list({ limit: PAGE, after })
    if (page.length > 0) yield page
    after = page.at(-1)?.deviceId
    if (page.length < PAGE) return
  }
}

async function inGroups<T>(items: readonly T[], write: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += AT_ONCE) await Promise.all(items.slice(at, at + AT_ONCE).map(write))
}

class NotWritten extends Error {
  readonly failure: StoreFailure

  constructor(failure: StoreFailure) {
    super(failure.message)
    this.failure = failure
  }
}

function done(result: StoreResult<unknown>): void {
  if (!result.ok) throw new NotWritten(result.failure)
}
