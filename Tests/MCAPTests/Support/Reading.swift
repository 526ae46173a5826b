import MCAP

/// All that a stream reader makes of a file.
struct Reading {
    var header: Header?
    var metadata: [Metadata] = []
    var chunks: [(offset: Int, messages: [TestMessage])] = []
    var damages: [Damage] = []
    var ending: Ending?

    var messages: [TestMessage] { chunks.flatMap(\.messages) }

    init(_ bytes: [UInt8], limits: ReadLimits = ReadLimits(), tailMayGrow: Bool = false) throws {
        let reader = MCAPStreamReader(MemorySource(bytes), limits: limits, tailMayGrow: tailMayGrow)
        while let item = try reader.next() {
            switch item {
            case .header(let header): self.header = header
            case .metadata(let metadata): self.metadata.append(metadata)
            case .chunk(let chunk): chunks.append((Int(chunk.offset), chunk.messages))
            case .end(let ending): self.ending = ending
            }
        }
        damages = reader.damages
    }
}
