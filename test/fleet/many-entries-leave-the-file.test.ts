import { expect, it } from 'vitest'
import { createWriteBehind, type EnrolmentEdit } from '../../src/fleet/enrolment/write-behind.js'

const nothing: EnrolmentEdit = () => undefined

it('many are written a few in each turn, and what comes after of one of them comes after', async () => {
  const written: string[] = []
  const works: Promise<void>[] = []
  const behind = createWriteBehind(
    async (deviceId) => {
      written.push(deviceId)
      return true
    },
    (work) => void works.push(work),
  )
  const ids = Array.from({ length: 1000 }, (_, at) => `r${at}`)
  behind.add(new Map(ids.map((id) => [id, nothing])))
  expect(written.length).toBeGreaterThan(0)
  expect(written.length).toBeLessThan(100)
  expect(behind.awaits('r999')).toBe(true)
  void behind.first('r999')
  expect(written.at(-1)).toBe('r999')
  expect(behind.awaits('r999')).toBe(false)
  await Promise.all(works)
  expect(written.toSorted()).toEqual(ids.toSorted())
})

it('the first that cannot be written ends it', async () => {
  let tries = 0
  const works: Promise<void>[] = []
  const behind = createWriteBehind(
    async () => {
      tries += 1
      return false
    },
    (work) => void works.push(work),
  )
  behind.add(new Map(Array.from({ length: 1000 }, (_, at) => [`r${at}`, nothing] as const)))
  await Promise.all(works)
  expect(tries).toBeLessThan(100)
  expect(behind.awaits('r999')).toBe(false)
})
