import MCAP

/// The complete result of a stream reader.
struct Reading {
    var header: Header?
    var metadata: [Metadata] = []
    var chunks: [(offset: Int, messages: [TestMessage])] = []
    /// Offsets of the chunks in the file.
    var lengths: [Int] = []
    var damages: [Damage] = []
    var ending: Ending?

    var messages: [TestMessage] { chunks.flatMap(\.messages) }

    init(_ bytes: [UInt8], limits: ReadLimits = ReadLimits(), tailMayGrow: Bool = false) throws {
        try self.init(MemorySource(bytes), limits: limits, tailMayGrow: tailMayGrow)
    }

    init(_ source: any ByteSource, limits: ReadLimits = ReadLimits(), tailMayGrow: Bool = false) throws {
        let reader = MCAPStreamReader(source, limits: limits, tailMayGrow: tailMayGrow)
        while let item = try reader.next() {
            switch item {
            case .header(let header): self.header = header
            case .metadata(let metadata): self.metadata.append(metadata)
            case .chunk(let chunk):
                chunks.append((Int(chunk.offset), chunk.messages))
                lengths.append(Int(chunk.length))
            case .end(let ending): self.ending = ending
            }
        }
        damages = reader.damages
    }
}
