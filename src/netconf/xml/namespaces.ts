/** NETCONF messages and operations (RFC 6241). */
export const NETCONF_NS = 'urn:ietf:params:xml:ns:netconf:base:1.0'

/** `<notification>`, `<create-subscription>` (RFC 5277). */
export const NOTIFICATION_NS = 'urn:ietf:params:xml:ns:netconf:notification:1.0'

/** The streams a server offers, `<replayComplete>` (RFC 5277 §3.4). */
export const NETMOD_NOTIFICATION_NS = 'urn:ietf:params:xml:ns:netmod:notification'

/** `<get-schema>`, `<netconf-state>` (RFC 6022). */
export const MONITORING_NS = 'urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring'

/** Notifications about NETCONF itself (RFC 6470). */
export const NETCONF_NOTIFICATIONS_NS = 'urn:ietf:params:xml:ns:yang:ietf-netconf-notifications'

/** The `xml` prefix of XML itself. */
export const XML_NS = 'http://www.w3.org/XML/1998/namespace'
