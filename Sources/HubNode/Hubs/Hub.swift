import Backplane

/// A hub: methods that clients call, each a closure with typed arguments.
///
/// ```swift
/// let orders = Hub("orderHub") { hub in
///     hub.on("place") { (call: HubCall, item: String, count: Int) in
///         try await call.clients.all.invoke("placed", item, count)
///         return "thank you"
///     }
/// }
/// ```
/// Names are case-insensitive. Methods run on the node's event loop until their first await: they must not block.
public struct Hub: Sendable {
    /// As registered.
    public let name: String
    /// By name and number of arguments.
    private var methods: [CaselessName: [Int: HubMethod]] = [:]

    /// - Parameters:
    ///   - name: as in the keys of signals; without a dot.
    ///   - define: registers the methods.
    public init(_ name: String, _ define: (inout Hub) -> Void) {
        precondition(
            !name.isEmpty && !name.utf8.contains(UInt8(ascii: ".")),
            "a hub's name contains no dot: in a key it ends at the first one")
        self.name = name
        define(&self)
    }

    /// Registers a method without a result. A name may be registered for several numbers of arguments.
    public mutating func on<each Argument: HubValue>(
        _ method: String, perform body: @escaping @Sendable (HubCall, repeat each Argument) async throws -> Void
    ) {
        register(method, Self.parameters(repeat (each Argument).self)) { call, arguments in
            var arguments = arguments
            try await body(call, repeat try arguments.next((each Argument).self))
            return .value(nil)
        }
    }

    /// Registers a method with a result.
    public mutating func on<each Argument: HubValue, Result: HubValue>(
        _ method: String, perform body: @escaping @Sendable (HubCall, repeat each Argument) async throws -> Result
    ) {
        register(method, Self.parameters(repeat (each Argument).self)) { call, arguments in
            var arguments = arguments
            return .value(try HubArgument(await body(call, repeat try arguments.next((each Argument).self))))
        }
    }

    /// Registers a method whose result is a stream of items. Only clients of ASP.NET Core SignalR can call it.
    public mutating func onStream<each Argument: HubValue, Element: HubValue>(
        _ method: String,
        perform body:
            @escaping @Sendable (HubCall, repeat each Argument) async throws
            -> AsyncThrowingStream<Element, any Error>
    ) {
        register(method, Self.parameters(repeat (each Argument).self), returnsStream: true) { call, arguments in
            var arguments = arguments
            let items = try await body(call, repeat try arguments.next((each Argument).self))
            return .stream { put in
                for try await item in items { try await put(HubArgument(item)) }
            }
        }
    }

    /// The method with this name and number of arguments.
    func method(_ name: String, arity: Int) -> HubMethod? {
        methods[CaselessName(name)]?[arity]
    }

    /// Names, as registered, of the methods that clients of every generation can call, in alphabetical order.
    var methodNames: [String] {
        methods.values.compactMap { $0.values.filter { !$0.needsStreams }.map(\.name).min() }.sorted()
    }

    /// Numbers of arguments for which methods of this name are registered; empty if there is no such method.
    func arities(of name: String) -> [Int] {
        methods[CaselessName(name)].map { $0.keys.sorted() } ?? []
    }

    private mutating func register(
        _ name: String, _ parameters: (values: Int, streams: Int), returnsStream: Bool = false,
        body: @escaping HubMethod.Body
    ) {
        methods[CaselessName(name), default: [:]][parameters.values] = HubMethod(
            name: name, streams: parameters.streams, returnsStream: returnsStream, body: body)
    }

    private static func parameters<each Argument>(_ types: repeat (each Argument).Type) -> (values: Int, streams: Int) {
        var (values, streams) = (0, 0)
        for type in repeat (each Argument).self {
            if type is any HubStreamParameter.Type { streams += 1 } else { values += 1 }
        }
        return (values, streams)
    }
}

/// One method of a hub.
struct HubMethod: Sendable {
    typealias Body = @Sendable (HubCall, HubArguments) async throws -> HubReturn

    let name: String
    /// How many of its parameters are streams from the client.
    let streams: Int
    let returnsStream: Bool
    let body: Body

    /// Whether it needs streams, which SignalR 2 does not have.
    var needsStreams: Bool { streams > 0 || returnsStream }
}

/// The result of a method.
enum HubReturn: Sendable {
    /// Nil for a method without a result.
    case value(HubArgument?)
    /// Passes each item to `put`, and waits until it was accepted.
    case stream(HubItems)
}

typealias HubItems = @Sendable (_ put: (HubArgument) async throws -> Void) async throws -> Void
