/// Where the PUBLISH commands of a stream go: which are wanted, and the batch and the sink that get them.
///
/// `~Copyable`: it owns the index and its memory.
struct PublishDestination: ~Copyable {
    /// Longer payloads are refused, as by ``RESPReader``.
    private static let longestPayload = 1 << 30
    private static let anyPlace = SubscribedIndex.Place(channel: 0, keepsName: true)

    private var names: SubscribedIndex
    private let header: MessageHeader?
    private let keepsAll: Bool
    /// Receives the envelopes.
    var batch: EnvelopeBatch? {
        didSet { unretainedBatch = batch.map { Unmanaged.passUnretained($0) } }
    }
    /// `batch` without reference counting, which would cost more than copying a small payload.
    private var unretainedBatch: Unmanaged<EnvelopeBatch>?
    /// Decides about each large payload before it arrives, and receives it. Without a sink, large payloads are read like
    /// small ones.
    var sink: (any EnvelopeSink)?

    /// - Parameters:
    ///   - header: of envelopes kept with their channel.
    ///   - keepsAll: keeps every PUBLISH with its channel under index 0.
    init(names: [SubscribedName], header: MessageHeader? = nil, keepsAll: Bool = false) {
        self.names = SubscribedIndex(keepsAll ? [] : names)
        self.header = header
        self.keepsAll = keepsAll
    }

    mutating func setNames(_ names: [SubscribedName]) {
        if !keepsAll { self.names = SubscribedIndex(names) }
    }

    /// - Returns: nil if the channel is not wanted.
    @inline(__always)
    mutating func place(of channel: UnsafeRawBufferPointer) -> SubscribedIndex.Place? {
        keepsAll ? Self.anyPlace : names.place(ofPublished: channel)
    }

    /// Copies a payload into the batch.
    @inline(__always)
    func append(
        _ payload: UnsafeRawBufferPointer, at place: SubscribedIndex.Place, channel: UnsafeRawBufferPointer
    ) {
        guard let unretainedBatch else { return }
        if place.keepsName, let header {
            unretainedBatch._withUnsafeGuaranteedRef {
                $0.append(channel: place.channel, name: channel, payload: payload, header: header)
            }
        } else {
            unretainedBatch._withUnsafeGuaranteedRef { $0.append(channel: place.channel, payload: payload) }
        }
    }

    /// Asks the sink about a large payload, which bypasses the batch.
    ///
    /// - Returns: nil without a sink.
    func large(count: Int, at place: SubscribedIndex.Place, channel: UnsafeRawBufferPointer) -> LargePayload? {
        guard let sink else { return nil }
        let header: [UInt8] =
            if place.keepsName, let form = self.header { form.bytes(channel: channel, payloadCount: count) } else { [] }
        let admission =
            count > Self.longestPayload
            ? .tooLarge : sink.admission(ofPayload: header.count + count, channel: place.channel)
        return LargePayload(count: count, header: header, channel: place.channel, admission: admission)
    }
}
