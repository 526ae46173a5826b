import Foundation
import Testing

@testable import HubNode

@Suite("Token sealer")
struct TokenSealerTests {
    private static let id = "4c77950c-306b-4ff7-aa03-ae6f7a207708"
    private let sealer = TokenSealer(key: .shared)

    @Test(
        "a connection token returns connection and user",
        arguments: ["", "alice", "a:b:c", ":", "日本 😀", "\n\"", "\u{301}x", "\u{301}:admin"])
    func connection(user: String) throws {
        let token = sealer.connectionToken(connectionID: Self.id, user: user)
        let opened = try #require(sealer.openConnectionToken(token))
        #expect(opened == (Self.id, user))
    }

    @Test(
        "a groups token returns the groups",
        arguments: [
            [], ["chatHub.room"], ["chatHub.a", "chatHub.b", "Orders.a"],
            ["chatHub.", #"chatHub."],["\"#, "chatHub.a:b", "chatHub.日本 😀", "chatHub.\u{2028}\u{0}"],
        ] as [[String]])
    func groups(names: [String]) {
        let token = sealer.groupsToken(connectionID: Self.id, groups: names)
        #expect(sealer.openGroupsToken(token, connectionID: Self.id) == names)
    }

    @Test("another connection's groups are ignored")
    func groupsOfAnother() {
        let token = sealer.groupsToken(connectionID: Self.id, groups: ["chatHub.room"])
        #expect(sealer.openGroupsToken(token, connectionID: "1b8cd930-4cfc-4285-b200-bc9fbacafb0e") == [])
        #expect(sealer.openGroupsToken(token, connectionID: "") == [])
    }

    @Test("one kind of token is not accepted as the other")
    func purposes() {
        let connection = sealer.connectionToken(connectionID: Self.id, user: #"["chatHub.room"]"#)
        #expect(sealer.openGroupsToken(connection, connectionID: Self.id) == [])
        let groups = sealer.groupsToken(connectionID: Self.id, groups: ["chatHub.room"])
        #expect(sealer.openConnectionToken(groups) == nil)
    }

    @Test("any flipped bit invalidates a token")
    func flippedBits() throws {
        let connection = try bytes(sealer.connectionToken(connectionID: Self.id, user: "alice"))
        let groups = try bytes(sealer.groupsToken(connectionID: Self.id, groups: ["chatHub.room"]))
        for (token, open) in [
            (connection, { self.sealer.openConnectionToken($0) != nil }),
            (groups, { self.sealer.openGroupsToken($0, connectionID: Self.id) != [] }),
        ] {
            #expect(open(Data(token).base64EncodedString()))
            for index in token.indices {
                for bit in 0..<8 {
                    var flipped = token
                    flipped[index] ^= 1 << UInt8(bit)
                    #expect(!open(Data(flipped).base64EncodedString()), "bit \(bit) of byte \(index)")
                }
            }
        }
    }

    @Test("any changed character invalidates a token")
    func changedCharacters() {
        // Without padding: every bit of every character matters.
        let token = Array(sealer.connectionToken(connectionID: Self.id, user: "a").utf8)
        #expect(token.last != UInt8(ascii: "="))
        for index in token.indices {
            for replacement in "ABab01+/-_=% \n".utf8 where replacement != token[index] {
                var changed = token
                changed[index] = replacement
                let text = String(decoding: changed, as: UTF8.self)
                #expect(sealer.openConnectionToken(text) == nil, "\(text)")
            }
        }
    }

    @Test("a shortened or extended token is invalid")
    func length() {
        let token = sealer.connectionToken(connectionID: Self.id, user: "alice")
        for count in 0..<token.count {
            #expect(sealer.openConnectionToken(String(token.prefix(count))) == nil, "\(count) characters")
        }
        #expect(sealer.openConnectionToken(token + "AAAA") == nil)
        #expect(sealer.openConnectionToken(token + token) == nil)
    }

    @Test("a node with another key refuses the token")
    func otherKey() throws {
        let other = TokenSealer(
            key: try #require(TokenKey(secret: Array("another secret of the tests, as long...".utf8))))
        for stranger in [other, TokenSealer(key: .random())] {
            let connection = sealer.connectionToken(connectionID: Self.id, user: "alice")
            #expect(stranger.openConnectionToken(connection) == nil)
            let groups = sealer.groupsToken(connectionID: Self.id, groups: ["chatHub.room"])
            #expect(stranger.openGroupsToken(groups, connectionID: Self.id) == [])
        }
    }

    @Test("a node with the same secret accepts the token")
    func sameSecret() throws {
        let secret = [UInt8](repeating: 7, count: 32)
        let one = TokenSealer(key: try #require(TokenKey(secret: secret)))
        let two = TokenSealer(key: try #require(TokenKey(secret: secret)))
        let opened = try #require(two.openConnectionToken(one.connectionToken(connectionID: Self.id, user: "alice")))
        #expect(opened == (Self.id, "alice"))
    }

    @Test("sealed data cannot be read")
    func secrecy() throws {
        let group = "chatHub.a group with a long name"
        let tokens = [
            sealer.connectionToken(connectionID: Self.id, user: "alice in wonderland"),
            sealer.groupsToken(connectionID: Self.id, groups: [group]),
        ]
        for token in tokens {
            for plain in [Self.id, "alice in wonderland", group] {
                #expect(!token.contains(plain))
                #expect(!token.contains(Data(plain.utf8).base64EncodedString().prefix(8)))
                let sealed = try bytes(token)
                #expect(!sealed.contains(Array(plain.utf8.prefix(8))))
            }
        }
    }

    @Test("tokens are unique")
    func fresh() {
        let tokens = (0..<100).map { _ in sealer.connectionToken(connectionID: Self.id, user: "alice") }
        #expect(Set(tokens).count == 100)
    }

    @Test("a secret of fewer than 32 bytes is rejected", arguments: [0, 1, 31])
    func shortSecret(count: Int) {
        #expect(TokenKey(secret: [UInt8](repeating: 7, count: count)) == nil)
    }

    @Test("a key's description does not show it")
    func description() throws {
        let key = try #require(TokenKey(secret: [UInt8](repeating: UInt8(ascii: "k"), count: 32)))
        #expect("\(key)" == "(token key)")
        #expect(String(reflecting: key) == "(token key)")
    }

    private func bytes(_ token: String) throws -> [UInt8] {
        Array(try #require(Data(base64Encoded: token)))
    }
}
