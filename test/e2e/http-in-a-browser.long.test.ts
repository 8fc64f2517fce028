import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBrowser } from './parts/browser.js'
import { type RunningBridge, startBridge } from './support/bridge.js'
import { curl } from './support/curl.js'
import { ops, opsUser } from './support/users.js'

/** A name whose owner lets it lead to this machine. */
const elsewhere = 'evil.example'
const basic = `Basic ${Buffer.from(`${ops.name}:${ops.password}`).toString('base64')}`

let bridge: RunningBridge
let browser: Browser
let evil: Server
beforeAll(async () => {
  bridge = await startBridge({
    users: [opsUser({ roles: ['admin'] })],
    roles: { admin: { devices: ['*'], operations: ['*'], api: ['read', 'rpc', 'admin'] } },
    endpoint: { http: { metrics: 'public' } },
  })
  browser = await startBrowser([elsewhere])
  evil = createServer((_, response) => void response.writeHead(200, { 'Content-Type': 'text/html' }).end('<p>hello'))
  evil.listen(0, '127.0.0.1')
  await once(evil, 'listening')
})
afterAll(async () => {
  await browser?.close()
  evil?.closeAllConnections()
  evil?.close()
  await bridge?.stop()
})

const portOf = (server: Server): number => (server.address() as AddressInfo).port

/**
 * What a script of a page does to get at the bridge. Text, because it is for a browser, whose types the tests do not
 * have.
 */
const attempts = (url: string): string => `(async () => {
  const url = ${JSON.stringify(url)}
  const devices = url + '/api/v1/devices'
  const text = async (...asked) => (await fetch(...asked)).text()
  const loaded = (element, property) =>
    new Promise((resolve, reject) => {
      element.onload = () => resolve('loaded')
      element.onerror = () => reject(new Error('not loaded'))
      element.src = url + property
      document.body.append(element)
    })
  const tried = {
    simple: () => text(url + '/metrics'),
    opaque: () => text(url + '/metrics', { mode: 'no-cors' }),
    token: () => text(devices, { headers: { Authorization: ${JSON.stringify(basic)} } }),
    remembered: () => text(devices, { credentials: 'include' }),
    change: () => text(devices + '/forged/reject', { method: 'POST', mode: 'no-cors', credentials: 'include' }),
    added: () => text(devices, { method: 'POST', mode: 'no-cors', credentials: 'include', body: '{"id":"forged"}' }),
    document: () => text(url + '/openapi.json'),
    script: () => loaded(document.createElement('script'), '/docs/start.js'),
    image: () => loaded(document.createElement('img'), '/docs/favicon-32x32.png'),
    events: () =>
      new Promise((resolve, reject) => {
        const source = new EventSource(url + '/api/v1/events', { withCredentials: true })
        source.onopen = () => resolve('opened')
        source.onerror = () => reject(new Error('not opened'))
      }),
  }
  const results = {}
  for (const [name, attempt] of Object.entries(tried)) results[name] = await attempt().catch(() => '')
  return results
})()`

describe('a page of another origin', () => {
  it.each([
    ['another port of the same address', () => `http://127.0.0.1:${portOf(evil)}`],
    ['another site', () => `http://${elsewhere}:${portOf(evil)}`],
  ])('on %s gets nothing and changes nothing', async (_, origin) => {
    // A browser that knows the password, and whose user has just used it.
    const context = await browser.newContext({ httpCredentials: { username: ops.name, password: ops.password } })
    const page = await context.newPage()
    expect((await page.goto(`${bridge.httpUrl}/api/v1/devices`))?.status()).toBe(200)
    const from = bridge.log().length
    await page.goto(origin())
    const results = await page.evaluate<Record<string, string>>(attempts(bridge.httpUrl))
    expect(Object.keys(results)).toHaveLength(10)
    expect(new Set(Object.values(results))).toEqual(new Set(['']))
    await context.close()
    const answered = bridge
      .log()
      .slice(from)
      .filter(({ msg }) => msg === 'request')
    expect(answered.length).toBeGreaterThanOrEqual(8)
    expect(answered.filter(({ status }) => status !== 403)).toEqual([])
    expect((await curl('-u', `${ops.name}:${ops.password}`, `${bridge.httpUrl}/api/v1/devices`)).body).toBe(
      '{"devices":[],"total":0,"next":null}',
    )
  })

  it('is no page of ours, although its name leads here', async () => {
    const page = await browser.newPage()
    const port = new URL(bridge.httpUrl).port
    for (const path of ['/docs', '/metrics', '/openapi.json']) {
      const answer = await page.goto(`http://${elsewhere}:${port}${path}`)
      expect(answer?.status()).toBe(421)
      expect(await page.content()).toContain('unknown-host')
    }
    await page.close()
  })

  it('cannot show ours inside of it', async () => {
    const page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${portOf(evil)}`)
    await page.evaluate(`new Promise((loaded) => {
      const frame = document.createElement('iframe')
      frame.src = '${bridge.httpUrl}/docs'
      frame.onload = loaded
      document.body.append(frame)
    }).then(() => undefined)`)
    expect(page.frames()).toHaveLength(2)
    const [, frame] = page.frames()
    expect(await frame?.locator('#api').count()).toBe(0)
    await page.close()
  })
})

describe('/docs', () => {
  it('shows every operation, from this host alone and without a fault', async () => {
    const page = await browser.newPage()
    const faults: string[] = []
    const asked: string[] = []
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(message.text())
    })
    page.on('pageerror', (error) => faults.push(error.message))
    page.on('request', (request) => asked.push(request.url()))
    await page.goto(`${bridge.httpUrl}/docs`)
    await page.getByText('/api/v1/devices/{id}/approve', { exact: true }).waitFor()
    await page.getByText('/api/v1/devices/{id}/approve', { exact: true }).click()
    await page.getByText('Try it out').first().waitFor()
    expect(faults).toEqual([])
    expect(asked.length).toBeGreaterThan(3)
    expect(asked.filter((url) => !url.startsWith(`${bridge.httpUrl}/`) && !url.startsWith('data:'))).toEqual([])
    await page.close()
  })

  it('calls with a password that is entered there', async () => {
    const page = await browser.newPage()
    await page.goto(`${bridge.httpUrl}/docs`)
    await page.locator('.btn.authorize').first().click()
    const form = page.locator('.auth-container').filter({ hasText: 'basic' })
    await form.locator('input[name=username]').fill(ops.name)
    await form.locator('input[name=password]').fill(ops.password)
    await form.getByRole('button', { name: 'Apply credentials' }).click()
    await page.locator('.btn-done').first().click()
    await page.locator('#operations-devices-listDevices').click()
    await page.getByRole('button', { name: 'Try it out' }).click()
    await page.getByRole('button', { name: 'Execute' }).click()
    await page.locator('.live-responses-table .response-col_status', { hasText: '200' }).waitFor()
    await page.close()
  })

  it('sends the example of an operation as the operation is taken', async () => {
    const page = await browser.newPage()
    await page.goto(`${bridge.httpUrl}/docs`)
    await page.locator('.btn.authorize').first().click()
    const form = page.locator('.auth-container').filter({ hasText: 'basic' })
    await form.locator('input[name=username]').fill(ops.name)
    await form.locator('input[name=password]').fill(ops.password)
    await form.getByRole('button', { name: 'Apply credentials' }).click()
    await page.locator('.btn-done').first().click()
    for (const operation of ['netconfRpc', 'netconfGetConfig', 'netconfTransaction']) {
      const block = page.locator(`#operations-operations-${operation}`)
      await block.locator('.opblock-summary').click()
      await block.getByRole('button', { name: 'Try it out' }).click()
      await block.locator('tr[data-param-name=id] input').fill('nobody')
      for (const waits of ['timeout', 'wait']) await block.locator(`tr[data-param-name=${waits}] input`).fill('')
      await block.getByRole('button', { name: 'Execute' }).click()
      await block.locator('.live-responses-table .response-col_status', { hasText: '404' }).waitFor()
    }
    await page.close()
  })
})
