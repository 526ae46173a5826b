/// Something that keeps a demo or check from being carried out; says what and what to do.
public struct EndToEndError: Error, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
