/// What a client asks a node for; the raw value is the last part of the path.
enum NodeRequest: String {
    case negotiate, connect, reconnect, poll, start, send, abort
}
