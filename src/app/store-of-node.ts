import type { Jobs, Store } from '../store/store.js'

/** What a node has written that others keep something of in memory: by device id, or by the id of a token. */
export interface WrittenRow {
  readonly table: 'enrolment' | 'token' | 'endpoint'
  readonly key: string
}

/**
 * The store that several nodes use at the same time, as one of them sees it. It tells of the enrolments and tokens that
 * this node has written, for the others to read them at once; and its jobs are those that were left at this node,
 * because a job is carried out and answered for where it was left.
 */
export function ofNode(
  store: Store,
  { node, written }: { readonly node: string; readonly written: (row: WrittenRow) => void },
): Store {
  const { enrolments, tokens, endpoints } = store
  return {
    ...store,
    enrolments: {
      ...enrolments,
      update: async (deviceId, change, writer) => {
        const result = await enrolments.update(deviceId, change, writer)
        if (result.ok) written({ table: 'enrolment', key: deviceId })
        return result
      },
    },
    tokens: {
      ...tokens,
      update: async (id, change) => {
        const result = await tokens.update(id, change)
        if (result.ok) written({ table: 'token', key: id })
        return result
      },
    },
    endpoints: {
      ...endpoints,
      change: async (change) => {
        const result = await endpoints.change(change)
        // All of them are read at once.
        if (result.ok) written({ table: 'endpoint', key: '' })
        return result
      },
    },
    jobs: jobsOfNode(store.jobs, node),
  }
}

function jobsOfNode(jobs: Jobs, node: string): Jobs {
  // The id of a node has no colon.
  const prefix = `${node}:`
  const stored = (id: string): string => prefix + id
  const own = (id: string): string => id.slice(prefix.length)
  return {
    list: async () =>
      (await jobs.list()).filter(({ id }) => id.startsWith(prefix)).map((job) => ({ ...job, id: own(job.id) })),
    put: (job) => jobs.put({ ...job, id: stored(job.id) }),
    remove: (id) => jobs.remove(stored(id)),
    begin: async (id, startedAt) => {
      const begun = await jobs.begin(stored(id), startedAt)
      return begun.ok && begun.value !== undefined ? { ok: true, value: { ...begun.value, id } } : begun
    },
  }
}
