import type { DeviceLogin, Onboarding, ReconnectStrategy, Server, Step } from './onboarding.js'
import { xmlText } from '../quoting.js'

const CRYPTO_TYPES = 'urn:ietf:params:xml:ns:yang:ietf-crypto-types'

/**
 * What to merge into the configuration of a device with ietf-netconf-server (draft-ietf-netconf-netconf-client-server,
 * RFC 9643, RFC 9644).
 */
export function rfc8071Steps({ callHome, reconnectStrategy, account, login }: Onboarding): readonly Step[] {
  return [
    {
      title:
        'On the device: merge this into its configuration. HOST-KEY is the name of its host key ' +
        `in its keystore${login.method === 'password' ? ', PASSWORD that of the credentials' : ''}`,
      text: `<netconf-server xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-server">
  <call-home>
    <netconf-client>
      <name>homeport</name>
      <endpoints>
${callHome.map((server, at) => endpoint({ server, at, account, login })).join('\n')}
      </endpoints>
      <connection-type>
        <persistent/>
      </connection-type>
      <reconnect-strategy>
        <start-with>${startWith[reconnectStrategy]}</start-with>
        <max-wait>5</max-wait>
        <max-attempts>3</max-attempts>
      </reconnect-strategy>
    </netconf-client>
  </call-home>
</netconf-server>`,
    },
  ]
}

/** One server that the device tries. */
function endpoint({
  server,
  at,
  account,
  login,
}: Pick<Onboarding, 'account' | 'login'> & { readonly server: Server; readonly at: number }): string {
  return `        <endpoint>
          <name>homeport-ssh${at === 0 ? '' : `-${at + 1}`}</name>
          <ssh>
            <tcp-client-parameters>
              <remote-address>${xmlText(server.host)}</remote-address>
              <remote-port>${server.port}</remote-port>
            </tcp-client-parameters>
            <ssh-server-parameters>
              <server-identity>
                <host-key>
                  <name>homeport</name>
                  <public-key>
                    <central-keystore-reference>HOST-KEY</central-keystore-reference>
                  </public-key>
                </host-key>
              </server-identity>
              <client-authentication>
                <users>
                  <user>
                    <name>${xmlText(account)}</name>
                    ${authentication(login)}
                  </user>
                </users>
              </client-authentication>
              <keepalives>
                <max-wait>15</max-wait>
                <max-attempts>3</max-attempts>
              </keepalives>
            </ssh-server-parameters>
          </ssh>
        </endpoint>`
}

/** What ietf-netconf-server calls the strategies of Junos. */
const startWith: Readonly<Record<ReconnectStrategy, string>> = { 'in-order': 'first-listed', sticky: 'last-connected' }

function authentication(login: DeviceLogin): string {
  // `$0$` says that the device itself is to hash what follows (RFC 7317).
  if (login.method !== 'key') return '<password><hashed-password>$0$PASSWORD</hashed-password></password>'
  return `<public-keys>
                      <inline-definition>
                        <public-key>
                          <name>homeport</name>
                          <public-key-format xmlns:ct="${CRYPTO_TYPES}">ct:ssh-public-key-format</public-key-format>
                          <public-key>${login.loginKey.key?.blob.toString('base64') ?? 'PUBLIC-KEY'}</public-key>
                        </public-key>
                      </inline-definition>
                    </public-keys>`
}
