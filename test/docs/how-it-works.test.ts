import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readRooms } from '../../scripts/rooms.js'

const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/how-it-works.md'), 'utf8')
const rooms = readRooms(root).map(({ room }) => room)

test('every room has its words, in the order of the table', () => {
  const told = [...page.matchAll(/\*\*`([a-z]+)\/`\*\*/g)].map(([, room = '']) => room)
  expect(told).toEqual(rooms)
})

test('what the drawing names by its path is there', () => {
  const [, drawing = ''] = /\n\n((?: {4}.*\n|\n)+)/.exec(page) ?? []
  const named = [...drawing.matchAll(/(?<![\w./-])([\w-]+\/[\w/-]+\.ts)/g)].map(([, path = '']) => path)
  expect(named.length).toBeGreaterThan(6)
  expect(named.filter((path) => !existsSync(join(root, 'src', path)))).toEqual([])
})
