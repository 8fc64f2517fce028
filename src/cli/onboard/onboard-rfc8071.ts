import type { DeviceLogin, Onboarding, Step } from './onboarding.js'
import { xmlText } from '../quoting.js'

const CRYPTO_TYPES = 'urn:ietf:params:xml:ns:yang:ietf-crypto-types'

/**
 * What to merge into the configuration of a device with ietf-netconf-server (draft-ietf-netconf-netconf-client-server,
 * RFC 9643, RFC 9644).
 */
export function rfc8071Steps({ bridge, account, login }: Onboarding): readonly Step[] {
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
        <endpoint>
          <name>homeport-ssh</name>
          <ssh>
            <tcp-client-parameters>
              <remote-address>${xmlText(bridge.host)}</remote-address>
              <remote-port>${bridge.callHomePort}</remote-port>
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
        </endpoint>
      </endpoints>
      <connection-type>
        <persistent/>
      </connection-type>
      <reconnect-strategy>
        <start-with>first-listed</start-with>
        <max-wait>5</max-wait>
        <max-attempts>3</max-attempts>
      </reconnect-strategy>
    </netconf-client>
  </call-home>
</netconf-server>`,
    },
  ]
}

function authentication(login: DeviceLogin): string {
  // `$0$` says that the device itself is to hash what follows (RFC 7317).
  if (login.method !== 'key') return '<password><hashed-password>$0$PASSWORD</hashed-password></password>'
  return `<public-keys>
                      <inline-definition>
                        <public-key>
                          <name>homeport</name>
                          <public-key-format xmlns:ct="${CRYPTO_TYPES}">ct:ssh-public-key-format</public-key-format>
                          <public-key>${login.key.blob.toString('base64')}</public-key>
                        </public-key>
                      </inline-definition>
                    </public-keys>`
}
