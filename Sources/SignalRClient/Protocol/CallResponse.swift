import JSON

/// The response to a call: `{"R":value?,"I":"0"}` or `{"I":"0","E":"text","H":true?,"D":data?,"T":stack?}`.
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
