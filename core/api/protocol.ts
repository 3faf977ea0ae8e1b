/** The WebSocket of the API: names both sides use. Runs anywhere. */

export const PROTOCOL = 'pomelo.v1'
/** Code of the close frame when a session ends: signed out here or elsewhere. */
export const CLOSE_DENIED = 4401
