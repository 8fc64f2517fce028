/**
 * The health check of the image: exit status 0 when the bridge is ready, else 1 with what is not. It asks on the
 * operator's socket, which is there whatever the configuration says about HTTP.
 */
import { request } from 'node:http'

const socketPath = process.argv[2] ?? '/var/lib/homeport/homeport.sock'

const fail = (message) => {
  process.stdout.write(`${message}\n`)
  process.exitCode = 1
}

const asked = request({ socketPath, path: '/readyz', timeout: 4_000 }, (answer) => {
  let body = ''
  answer.setEncoding('utf8')
  answer.on('data', (chunk) => {
    body += chunk
  })
  answer.on('end', () => (answer.statusCode === 200 ? process.stdout.write('ready\n') : fail(body)))
})
asked.on('timeout', () => asked.destroy(new Error('no answer in time')))
asked.on('error', ({ message }) => fail(`${socketPath}: ${message}`))
asked.end()
