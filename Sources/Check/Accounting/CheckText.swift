/// The text of a check's messages: contains the message's number, so that every delivery can be identified, and
/// characters that are easily damaged.
struct CheckText: Sendable {
    /// Distinguishes this check from others on the same hub.
    let run: String

    private static let cargo = [
        "plain", "é 日本 👍🏽 𝄞", #"<b>&amp;"quoted"</b> 'x' \ / \u0041"#, "tab\tline\nreturn\r",
        "\u{2028}\u{2029}\u{85}\u{7F}",
        "e\u{301} is not \u{E9} \u{200D}\u{FEFF}", "\u{1}\u{1F}", String(repeating: "long ", count: 600),
    ]

    init(run: String) {
        self.run = run
    }

    /// With a random run name.
    static func random() -> CheckText {
        CheckText(run: String(UInt64.random(in: .min ... .max), radix: 36))
    }

    private var prefix: String { "check \(run) #" }

    func text(_ number: Int) -> String {
        "\(prefix)\(number) \(Self.cargo[number % Self.cargo.count])"
    }

    /// - Returns: nil for a text of another run.
    func number(in text: String) -> Int? {
        guard text.utf8.starts(with: prefix.utf8) else { return nil }
        return Int(
            String(decoding: text.utf8.dropFirst(prefix.utf8.count).prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self))
    }

    /// - Parameter payload: bytes that contain the beginning of a text, in JSON or in MessagePack.
    /// - Returns: nil if they contain no text of this run.
    func number(within payload: some Collection<UInt8>) -> Int? {
        guard let start = payload.firstRange(of: Array(prefix.utf8))?.upperBound else { return nil }
        return Int(String(decoding: payload[start...].prefix { $0 != UInt8(ascii: " ") }.prefix(10), as: UTF8.self))
    }

    /// Whether a method received this text unchanged, byte for byte.
    func isIntact(_ text: String, number: Int) -> Bool {
        text.utf8.elementsEqual(self.text(number).utf8)
    }
}
