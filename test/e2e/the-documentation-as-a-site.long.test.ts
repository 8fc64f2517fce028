import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBrowser } from './parts/browser.js'

const root = join(import.meta.dirname, '../..')
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
}

let server: Server
let browser: Browser
let url = ''
beforeAll(async () => {
  await promisify(execFile)('npm', ['run', 'docs'], { cwd: root, timeout: 240_000 })
  server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://site').pathname
    readFile(join(root, 'site/dist', path.endsWith('/') ? `${path}index.html` : path)).then(
      (content) => response.writeHead(200, { 'Content-Type': TYPES[extname(path)] ?? 'text/html' }).end(content),
      () => response.writeHead(404, { 'Content-Type': 'text/html' }).end('nothing here'),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  browser = await startBrowser()
}, 300_000)
afterAll(async () => {
  await browser?.close()
  server?.closeAllConnections()
  server?.close()
})

/** A page of the browser, and what went wrong on it: errors on its console, and requests that left the site. */
async function watchedPage(): Promise<{ readonly page: Page; readonly faults: readonly string[] }> {
  const page = await browser.newPage()
  const faults: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(`${page.url()}: ${message.text()}`)
  })
  page.on('pageerror', (error) => void faults.push(`${page.url()}: ${String(error)}`))
  page.on('request', (request) => {
    if (!request.url().startsWith(`${url}/`) && !request.url().startsWith('data:')) faults.push(request.url())
  })
  return { page, faults }
}

const hrefsOf = `[...document.querySelectorAll('a[href]')].map((link) => link.href)`

describe('the documentation as a site', () => {
  it('shows every page by links from the first one, asks nobody else, and has no error on the console', async () => {
    const { page, faults } = await watchedPage()
    const seen = new Set<string>()
    const waiting = ['/']
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (seen.has(next)) continue
      seen.add(next)
      const answer = await page.goto(url + next)
      expect({ next, status: answer?.status() }).toEqual({ next, status: 200 })
      await page.waitForSelector('.vp-doc h1')
      const hrefs = (await page.evaluate(hrefsOf)) as readonly string[]
      for (const href of hrefs) if (href.startsWith(`${url}/`)) waiting.push(new URL(href).pathname)
    }
    expect(faults).toEqual([])
    const shown = [...seen].map((path) => path.replace('.html', ''))
    expect(shown).toEqual(
      expect.arrayContaining(['/overview', '/backup', '/troubleshooting', '/repository/config-homeport-example-yaml']),
    )
    await page.close()
  })

  it('finds a refusal by its reason, and goes to it', async () => {
    const { page, faults } = await watchedPage()
    await page.goto(url)
    await page.click('.VPNavBarSearch button')
    await page.fill('.VPLocalSearchBox input', 'wrong-hmac')
    const found = page.locator('.VPLocalSearchBox .result', { hasText: 'Troubleshooting' }).first()
    await found.waitFor()
    await found.click()
    await page.waitForURL(/troubleshooting/)
    await page.locator('td code', { hasText: /^wrong-hmac$/ }).waitFor()
    expect(faults).toEqual([])
    await page.close()
  })

  it('lets no page load a script of anywhere else', async () => {
    const { page } = await watchedPage()
    await page.goto(url)
    const violated = await page.evaluate(`new Promise((resolve) => {
      document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective))
      const script = document.createElement('script')
      script.src = 'http://localhost:1/foreign.js'
      document.head.append(script)
    })`)
    expect(violated).toBe('script-src-elem')
    await page.close()
  })
})
