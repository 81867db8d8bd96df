/** Names that other programs see: docs/protocol.md, "Names on the wire". */

/** Prefix of the wide-area DHT of sotto; its records and peers are never shared with another network. */
export const KAD_PROTOCOL = '/sotto/kad/1'

/** The same for a DHT between the machines of one local network. */
export const LAN_KAD_PROTOCOL = '/sotto/lan/kad/1'

/** Envelopes and acknowledgements between two nodes. */
export const DIRECT_PROTOCOL = '/sotto/direct/1'

/** One's own signed bundle. */
export const BUNDLE_PROTOCOL = '/sotto/bundle/1'

/** Deposit, fetch, acknowledge, prekeys, bundle, membership: one long-lived stream, requests with ids. */
export const MAILBOX_PROTOCOL = '/sotto/mailbox/1'

/** The service that nodes announce and look for by multicast DNS on a local network. */
export const MDNS_SERVICE_TAG = '_sotto._udp.local'

/** What identify tells about the program. Says nothing about versions or platforms. */
export const AGENT = 'sotto'

/** First component of every DHT key of ours: `/sotto/…`. */
export const DHT_NAMESPACE = 'sotto'
