/// Something that is not as it should be.
enum Finding: Equatable, Sendable {
    /// - Parameter node: index of the node that should have delivered it.
    case lost(message: Int, client: Int, node: Int, missed: ClosedRange<UInt64>?)
    case duplicate(message: Int, client: Int, times: Int)
    /// It was not for this client.
    case leaked(message: Int, client: Int)
    /// It came behind `after`, which was sent later.
    case outOfOrder(message: Int, after: Int, client: Int)
    /// Its text or its method is not what was sent.
    case altered(message: Int, client: Int)
}
