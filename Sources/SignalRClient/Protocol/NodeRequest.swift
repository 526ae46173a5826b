/// A client's request to a node; the raw value is the last component of the path.
enum NodeRequest: String {
    case negotiate, connect, reconnect, poll, start, send, abort
}
