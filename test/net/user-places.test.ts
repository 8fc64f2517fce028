import { expect, it } from 'vitest'
import { createUserPlaces, type Entrance } from '../../src/net/user-places.js'

const leave = (entrance: Entrance | undefined): void => {
  if (entrance?.ok === true) entrance.leave()
}

it('gives as many places as there are, and no more than its bound to one user', () => {
  const places = createUserPlaces(() => ({ most: 3, mostPerUser: 2 }))
  const [first] = [places.enter('a'), places.enter('a')]
  expect(places.enter('a')).toEqual({ ok: false, bound: 'user', heldByUser: 2 })
  expect(places.enter('b').ok).toBe(true)
  expect(places.full).toBe(true)
  expect(places.enter('b')).toEqual({ ok: false, bound: 'all', heldByUser: 1 })
  leave(first)
  expect(places.full).toBe(false)
  expect(places.enter('b').ok).toBe(true)
})

it('takes a place back once, however often it is given back', () => {
  const places = createUserPlaces(() => ({ most: 3, mostPerUser: 3 }))
  const [first] = [places.enter('a'), places.enter('a')]
  leave(first)
  leave(first)
  expect(places.taken).toBe(1)
})

it('leaves something for others where a user has no bound', () => {
  const places = createUserPlaces(() => ({ most: 100 }))
  const greedy = Array.from({ length: 200 }, () => places.enter('greedy')).filter(({ ok }) => ok)
  expect(greedy).toHaveLength(90)
  expect(places.enter('other').ok).toBe(true)
})

it('asks for its bounds each time', () => {
  let most = 1
  const places = createUserPlaces(() => ({ most, mostPerUser: 10 }))
  places.enter('a')
  expect(places.enter('a').ok).toBe(false)
  most = 2
  expect(places.enter('a').ok).toBe(true)
})
