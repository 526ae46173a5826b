import JSON

/// A frame that no SignalR 2 node sends.
enum FrameError: Error, Equatable, CustomStringConvertible {
    case notJSON(JSONParseError)
    case unknownShape

    var description: String {
        switch self {
        case .notJSON(let error): "a frame is \(error)"
        case .unknownShape: "a frame is neither messages nor a result"
        }
    }
}
