import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

interface Lock {
  readonly packages: Readonly<Record<string, { readonly hasInstallScript?: true }>>
}

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'))
const { packages } = read('package-lock.json') as Lock
const { allowScripts } = read('package.json') as { readonly allowScripts: Readonly<Record<string, boolean>> }

const nameOf = (path: string): string => path.split('node_modules/').at(-1) ?? path

test('of all packages, ssh2 alone may run a script as it is installed, and the others are refused by name', () => {
  const withScripts = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript === true)
  const names = new Set(withScripts.map(([path]) => nameOf(path)))
  expect(new Set(Object.keys(allowScripts))).toEqual(names)
  expect(Object.keys(allowScripts).filter((name) => allowScripts[name])).toEqual(['ssh2'])
})

test('no package reports who installs it', () => {
  expect(Object.keys(packages).filter((path) => path.includes('@scarf/'))).toEqual([])
})
