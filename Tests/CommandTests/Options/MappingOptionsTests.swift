import ArgumentParser
import Backplane
import Testing

@testable import backplane_relay

/// Old and new names in one argument.
@Suite struct MappingOptionsTests {
    private static let generic =
        "Chat.RoomHub`1[[System.Int32, System.Private.CoreLib, Version=8.0.0.0, Culture=neutral, PublicKeyToken=7cec]]"

    @Test func `an equals sign inside the brackets of a generic type does not separate`() throws {
        let options = try MappingOptions.parse(["--map-hub", "\(Self.generic)=Chat.Other", "--map-hub", "RoomHub=A=B"])
        #expect(try options.hubs == [Self.generic: "Chat.Other", "RoomHub": "A=B"])
        let other = try MappingOptions.parse(["--map-hub", "ChatHub=\(Self.generic)"])
        #expect(try other.hubs == ["ChatHub": Self.generic])
        // A bracket that is never closed is part of the name.
        #expect(try MappingOptions.parse(["--map-group", "a[b=c"]).groups == ["a[b": "c"])
    }

    @Test func `a prefix may be empty, a name may not`() throws {
        let options = try MappingOptions.parse(["--map-prefix", "=staging:", "--map-prefix", "prod:="])
        #expect(try options.prefixes == ["": "staging:", "prod:": ""])
        for arguments in [
            ["--map-prefix", "x"], ["--map-user", "=a"], ["--map-group", "a="], ["--map-hub", "a"],
            ["--map-user", "a=b", "--map-user", "a=c"],
        ] {
            #expect(throws: (any Error).self, "\(arguments)") { try MappingOptions.parse(arguments) }
        }
    }

    @Test func `protocols and kinds must be known`() throws {
        #expect(ProtocolsArgument(argument: "JSON,messagepack,json")?.protocols == [.json, .messagePack])
        for text in ["", "xml", "json,", "json messagepack"] { #expect(ProtocolsArgument(argument: text) == nil) }
        #expect(IncludeArgument(argument: "ping")?.kinds == [.ping])
        #expect(IncludeArgument(argument: "all")?.kinds.count == 6 && IncludeArgument(argument: "x") == nil)
        #expect(throws: (any Error).self) { try CoreReplayArguments.parse(["--allow-untyped"]) }
    }
}
