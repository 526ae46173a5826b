import Backplane
import Foundation
import TestSupport

/// Decides what a ``Publisher`` publishes next.
struct BurstMaker {
    enum Request {
        case envelope(size: Int)
        case raw
        case burn
    }

    var random: SplitMix64
    var load = Load.usual
    /// While true, only what is asked for.
    var isPaused = false
    /// To be done in the next burst.
    var requests: [Request] = []
    /// Since a burst was taken, until all of it is answered.
    var isUnderWay = false
    private var number = 0
    private let noise: [UInt8]

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
        noise = random.bytes(200_000).map { 97 + $0 % 26 }
    }

    mutating func takeBurst() -> [Request] {
        var burst = requests
        requests = []
        if !isPaused {
            burst += (0..<Int.random(in: load.burst, using: &random)).map { _ in
                let isLarge = Int.random(in: 1...load.largeEvery, using: &random) == 1
                return .envelope(size: Int.random(in: isLarge ? load.largeSize : load.size, using: &random))
            }
        }
        isUnderWay = !burst.isEmpty
        return burst
    }

    /// A chat message that no other equals.
    mutating func blob(size: Int) -> [UInt8] {
        number += 1
        var call = Array(#"{"H":"chatHub","M":"broadcastMessage","A":["\#(number)",""#.utf8)
        var left = size
        while left > 0 {
            let start = Int.random(in: 0..<noise.count, using: &random)
            let piece = noise[start...].prefix(left)
            call += piece
            left -= piece.count
        }
        call += #""]}"#.utf8
        let message = Message(source: "5d79f717-a44d-4b23-ae9c-fb5f3a54d40b", key: "h-chatHub", value: call)
        let now = Int64(Date().timeIntervalSince1970 * 1e9)
        return ScaleoutMessage(messages: [message], createdTicks: DotNetTicks(unixNanoseconds: now).rawValue).encoded()
    }

    mutating func rawPayload() -> [UInt8] {
        number += 1
        return Array("not SignalR: \(number)".utf8)
    }
}
