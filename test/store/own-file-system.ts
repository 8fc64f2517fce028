import { execFile } from 'node:child_process'
import { appendFile, statfs, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'

/** Puts a file system of its own, of so many bytes, on a directory. */
export function mountOwn(directory: string, size: string): Promise<void> {
  return mount('-t', 'tmpfs', '-o', `size=${size},mode=700,uid=${process.getuid?.() ?? 0}`, 'tmpfs', directory)
}

/** Lazily, since a closed database's descriptors live until they are collected. */
export function unmountOwn(directory: string): Promise<void> {
  return asRoot('umount', '--lazy', directory)
}

export function mount(...options: readonly string[]): Promise<void> {
  return asRoot('mount', ...options)
}

/** Takes all room that is left, with a file that a test removes to make room again. */
export async function fillDisk(ballast: string): Promise<void> {
  await writeFile(ballast, '')
  const { bavail, bsize } = await statfs(ballast)
  await appendFile(ballast, Buffer.alloc(bavail * bsize))
}

/** Runs a command that only root may; others need a sudo that asks for no password. */
async function asRoot(...command: readonly string[]): Promise<void> {
  const [program = '', ...words] = process.getuid?.() === 0 ? command : ['sudo', '-n', ...command]
  await promisify(execFile)(program, words).catch((error: Error) => {
    throw new Error(`a file system of its own needs root, or a sudo without a password: ${error.message}`)
  })
}
