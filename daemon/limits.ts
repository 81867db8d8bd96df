/** Connections the socket serves at once; one more is told so and closed. */
export const MAX_CONNECTIONS = 16

/** Requests of one connection being worked on at once; more are answered RATE_LIMITED. */
export const MAX_IN_FLIGHT = 64

/** Records of one event stream handed out and not acknowledged; the stream pauses there, so a slow reader costs only its own time. */
export const MAX_UNACKNOWLEDGED = 64

/** Event streams of one connection. */
export const MAX_SUBSCRIPTIONS = 16
