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
        register(method, arity: Self.count(repeat (each Argument).self)) { call, arguments in
            var arguments = ArgumentReader(arguments)
            try await body(call, repeat try arguments.next((each Argument).self))
            return nil
        }
    }

    /// Registers a method with a result.
    public mutating func on<each Argument: HubValue, Result: HubValue>(
        _ method: String, perform body: @escaping @Sendable (HubCall, repeat each Argument) async throws -> Result
    ) {
        register(method, arity: Self.count(repeat (each Argument).self)) { call, arguments in
            var arguments = ArgumentReader(arguments)
            return try await body(call, repeat try arguments.next((each Argument).self)).json()
        }
    }

    /// The method with this name and number of arguments.
    func method(_ name: String, arity: Int) -> HubMethod? {
        methods[CaselessName(name)]?[arity]
    }

    /// The registered names of the methods, sorted.
    var methodNames: [String] {
        methods.values.compactMap { $0.values.map(\.name).min() }.sorted()
    }

    private mutating func register(_ name: String, arity: Int, body: @escaping HubMethod.Body) {
        methods[CaselessName(name), default: [:]][arity] = HubMethod(name: name, body: body)
    }

    private static func count<each Argument>(_ types: repeat (each Argument).Type) -> Int {
        var count = 0
        for _ in repeat (each Argument).self { count += 1 }
        return count
    }
}

/// One method, with arguments and result as JSON.
struct HubMethod: Sendable {
    typealias Body = @Sendable (HubCall, [[UInt8]]) async throws -> [UInt8]?

    let name: String
    let body: Body
}

/// Decodes the arguments of a call one after another; their number matches the method.
private struct ArgumentReader {
    private var rest: ArraySlice<[UInt8]>

    init(_ arguments: [[UInt8]]) {
        rest = arguments[...]
    }

    mutating func next<Value: HubValue>(_: Value.Type) throws -> Value {
        try Value(json: rest.popFirst() ?? Array("null".utf8))
    }
}
