package import JSON

/// A frame sent by a node.
enum NodeFrame: Equatable, Sendable {
    /// `{}`
    case keepAlive
    /// `{"R":..,"I":"0"}`: the result of a call, on webSockets only.
    case response(CallResponse)
    /// `{"C":..,"M":[..]}`
    case messages(MessageFrame)

    /// - Throws: ``FrameError``.
    init(parsing bytes: UnsafeRawBufferPointer) throws(FrameError) {
        let json: JSONTree
        do {
            json = try JSONTree(parsing: bytes)
        } catch {
            throw .notJSON(error)
        }
        guard case .object(let members) = json else { throw .unknownShape }
        if members.isEmpty {
            self = .keepAlive
        } else if let frame = MessageFrame(json) {
            self = .messages(frame)
        } else if let response = CallResponse(json) {
            self = .response(response)
        } else {
            throw .unknownShape
        }
    }
}

/// A frame with a cursor: `{"C":"s-0,1F","S":1,"T":1,"G":"token","L":0,"M":[..]}`.
///
/// Source: `Transports/PersistentResponse.cs` of SignalR 2.
struct MessageFrame: Equatable, Sendable {
    /// Where to resume after a reconnect.
    var cursor: String
    /// `S`: the path through the backplane works; time for `/start`.
    var isInitial = false
    /// `T`: the node asks the client to reconnect.
    var asksToReconnect = false
    /// `G`: the groups have changed.
    var groupsToken: String?
    /// `L`: delay before the next poll, in milliseconds.
    var pollDelay: Int64 = 0
    var messages: [HubMessage] = []

    /// - Returns: nil without `C`.
    init?(_ json: JSONTree) {
        guard let cursor = json["C"]?.string else { return nil }
        self.cursor = cursor
        isInitial = json["S"]?.integer == 1
        asksToReconnect = json["T"]?.integer == 1
        groupsToken = json["G"]?.string
        pollDelay = json["L"]?.integer ?? 0
        // Anything that is neither a call nor progress is for persistent connections, not for hubs.
        messages = (json["M"]?.array ?? []).compactMap(HubMessage.init)
    }
}

/// One entry of `M`.
package enum HubMessage: Equatable, Sendable {
    /// `{"H":hub,"M":method,"A":[..]}`
    case invocation(hub: String, method: String, arguments: [JSONTree])
    /// `{"I":"P|0","P":{"I":"0","D":value}}`
    case progress(call: String, value: JSONTree)

    /// - Returns: nil for anything else, such as a message of a persistent connection.
    package init?(_ json: JSONTree) {
        if let hub = json["H"]?.string, let method = json["M"]?.string {
            self = .invocation(hub: hub, method: method, arguments: json["A"]?.array ?? [])
        } else if let progress = json["P"], let call = progress["I"]?.string {
            self = .progress(call: call, value: progress["D"] ?? .null)
        } else {
            return nil
        }
    }
}

/// The response to a call: `{"R":value?,"I":"0"}` or `{"I":"0","E":"text","H":true?,"D":data?,"T":stack?}`.
///
/// Source: `Hubs/HubResponse.cs` of SignalR 2.
struct CallResponse: Equatable, Sendable {
    let call: String
    let outcome: Result<JSONTree, CallError>
}

extension CallResponse {
    /// - Returns: nil if this is not a response to a call.
    init?(_ json: JSONTree) {
        guard let id = json["I"] else { return nil }
        call = id.string ?? "\(id)"
        if let text = json["E"]?.string {
            outcome = .failure(
                CallError(
                    text: text, isHubException: json["H"]?.bool ?? false, data: json["D"],
                    stackTrace: json["T"]?.string))
        } else {
            outcome = .success(json["R"] ?? .null)
        }
    }
}

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
