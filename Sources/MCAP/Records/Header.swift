/// The first record of a file: the profile of its contents and the program that wrote it.
///
/// MCAP specification: "Header (op=0x01)".
package struct Header: Equatable, Sendable {
    /// The convention that the contents follow, e.g. `signalr-backplane`.
    package var profile: String
    /// The program that wrote the file, e.g. `backplane-relay/1.0.0`.
    package var library: String

    /// A header of these two texts.
    package init(profile: String, library: String) {
        self.profile = profile
        self.library = library
    }

    func encode(into buffer: inout GrowableBuffer) {
        buffer.appendRecord(.header) {
            $0.append(profile)
            $0.append(library)
        }
    }

    init(content: UnsafeRawBufferPointer) throws(MalformedRecord) {
        var cursor = ByteCursor(content)
        profile = try cursor.string("profile")
        library = try cursor.string("library")
    }
}
