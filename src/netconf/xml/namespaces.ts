/** NETCONF messages and operations (RFC 6241). */
export const NETCONF_NS = 'urn:ietf:params:xml:ns:netconf:base:1.0'

/** `<notification>`, `<create-subscription>` (RFC 5277). */
export const NOTIFICATION_NS = 'urn:ietf:params:xml:ns:netconf:notification:1.0'

/** The streams a server offers, `<replayComplete>` (RFC 5277 §3.4). */
export const NETMOD_NOTIFICATION_NS = 'urn:ietf:params:xml:ns:netmod:notification'

/** `<get-schema>`, `<netconf-state>` (RFC 6022). */
export const MONITORING_NS = 'urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring'

/** `<get-data>`, `<edit-data>` (RFC 8526). */
export const NMDA_NS = 'urn:ietf:params:xml:ns:yang:ietf-netconf-nmda'

/** `<compare>` of datastores (RFC 9144). */
export const NMDA_COMPARE_NS = 'urn:ietf:params:xml:ns:yang:ietf-nmda-compare'

/** The identities of datastores: `operational`, `intended` (RFC 8342). */
export const DATASTORES_NS = 'urn:ietf:params:xml:ns:yang:ietf-datastores'

/** Where a value comes from: `learned`, `system` (RFC 8342). */
export const ORIGIN_NS = 'urn:ietf:params:xml:ns:yang:ietf-origin'

/** `<with-defaults>`, and the attribute of a default (RFC 6243). */
export const WITH_DEFAULTS_NS = 'urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults'

/** Notifications about NETCONF itself (RFC 6470). */
export const NETCONF_NOTIFICATIONS_NS = 'urn:ietf:params:xml:ns:yang:ietf-netconf-notifications'

/** The `xml` prefix of XML itself. */
export const XML_NS = 'http://www.w3.org/XML/1998/namespace'
