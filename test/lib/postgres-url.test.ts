import { expect, it } from 'vitest'
import { readPostgresUrl } from '../../src/lib/postgres-url.js'

const read = (url: string): unknown => {
  const result = readPostgresUrl(url)
  return result.ok ? result.database : result
}

it.each([
  [
    'postgres://homeport:secret@db.example.net/homeport',
    {
      host: 'db.example.net',
      port: 5432,
      user: 'homeport',
      password: 'secret',
      database: 'homeport',
      tls: 'verify-full',
      tlsFiles: {},
      shown: 'postgres://db.example.net/homeport',
    },
  ],
  ['postgresql://u@localhost:5433/d', { port: 5433, tls: 'disable', shown: 'postgres://localhost:5433/d' }],
  ['postgres://u@127.0.0.9/d', { host: '127.0.0.9', tls: 'disable' }],
  ['postgres://u@10.0.0.9/d', { host: '10.0.0.9', tls: 'verify-full' }],
  ['postgres://u@[2001:db8::1]:6432/d', { host: '2001:db8::1', port: 6432, shown: 'postgres://[2001:db8::1]:6432/d' }],
  ['postgres://u@%2Frun%2Fpostgresql/d', { host: '/run/postgresql', tls: 'disable' }],
  ['postgres://u@/d?host=/run/postgresql', { host: '/run/postgresql', tls: 'disable' }],
  [
    'postgres://u@h/d?sslmode=verify-ca&sslrootcert=/etc/ca.pem&sslcert=/c.pem&sslkey=/k.pem',
    { tls: 'verify-ca', tlsFiles: { ca: '/etc/ca.pem', certificate: '/c.pem', key: '/k.pem' } },
  ],
  // As it stands in a file or a variable.
  [
    'postgres://u:p@ss:w/ord?#[x]%zz@h/d?sslmode=disable',
    { password: 'p@ss:w/ord?#[x]%zz', host: 'h', tls: 'disable' },
  ],
  ['postgres://u:p%40ss%2Fword@h/d', { password: 'p@ss/word' }],
])('reads %s', (url, wanted) => {
  expect(read(url)).toMatchObject(wanted)
})

it.each([
  'mysql://homeport:hunter2@h/d',
  'postgres://homeport:hunter2@h',
  'postgres://:hunter2@h/d',
  'postgres://homeport:hunter2@h/',
  'postgres://homeport:hunter2@/d',
  'postgres://homeport:hunter2@h:99999/d',
  'postgres://homeport:hunter2@h:port/d',
  'postgres://homeport:hunter2@h/d?sslmode=prefer',
  'postgres://homeport:hunter2@h/d?hunter2=1',
  'postgres://homeport:hunter2@h/d?sslrootcert=hunter2',
])('refuses %s with what to do, and does not show the password', (url) => {
  const refused = read(url)
  expect(refused).toMatchObject({ ok: false, message: expect.any(String), hint: expect.any(String) })
  expect(JSON.stringify(refused)).not.toContain('hunter2')
})
