/// The response to a scrape, generated in pieces on demand: with a thousand channels it has megabytes, and several
/// scrapers may ask at once.
///
/// The children of a metric are read when it is its turn. Buckets, sum and count of a histogram are consistent.
package struct Exposition: Sequence, IteratorProtocol, Sendable {
    /// A piece is returned once it has this many bytes; it exceeds them by at most the lines of one child.
    static let pieceSize = 256 << 10

    private var registrations: ArraySlice<Registration>
    private var children = Registration.Children.none
    private var nextChild = 0
    private var writer: ExpositionWriter

    init(_ registrations: [Registration], _ format: ExpositionFormat) {
        self.registrations = registrations[...]
        writer = ExpositionWriter(format)
    }

    /// - Returns: UTF-8, never empty; nil after the end.
    package mutating func next() -> [UInt8]? {
        while writer.count < Self.pieceSize {
            if nextChild < children.count {
                children.write(nextChild, &writer)
                nextChild += 1
            } else if let registration = registrations.popFirst() {
                writer.writeMetadata(registration.name, help: registration.help)
                children = registration.children()
                nextChild = 0
            } else {
                writer.finish()
                break
            }
        }
        let piece = writer.take()
        return piece.isEmpty ? nil : piece
    }
}
