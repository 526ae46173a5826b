import Backplane
import JSON

/// The script at `/hubs`: an object per hub with a function per method, on top of jquery.signalR.
enum ProxyScript {
    static func text(hubs: [Hub], path: String) -> String {
        """
        /* Hub proxies of backplane-relay for jquery.signalR: load that script first. */
        (function ($) {
            "use strict";
            if (!$ || typeof $.hubConnection !== "function") {
                throw new Error("SignalR: load jquery.signalR before this script.");
            }

            // Where this script came from: a proxy may have added a prefix to the path.
            function path(own) {
                var script = typeof document === "object" && document && document.currentScript,
                    address = script && script.src ? /^[a-z]+:[/][/]([^/]+)([/][^?#]*)[/](hubs|js)([?#]|$)/i.exec(script.src) : null;
                return address && address[1] === window.location.host ? address[2] : own;
            }

            // Subscribes the methods that the page added to proxy.client before the start, under their names there.
            function subscribe(proxy) {
                Object.keys(proxy.client).forEach(function (name) {
                    var handler = proxy.client[name];
                    if (typeof handler !== "function" || proxy.subscribed[name] === handler) { return; }
                    proxy.subscribed[name] = handler;
                    proxy.on(name, function () { handler.apply(proxy, arguments); });
                });
            }

            function server(proxy, methods) {
                var functions = {};
                methods.forEach(function (name) {
                    functions[name] = function () {
                        return proxy.invoke.apply(proxy, [name].concat(Array.prototype.slice.call(arguments)));
                    };
                });
                return functions;
            }

            $.hubConnection.prototype.createHubProxies = function () {
                var connection = this, proxies = {};
                \(definitions(hubs))
                Object.keys(proxies).forEach(function (name) {
                    var proxy = proxies[name];
                    proxy.client = {};
                    proxy.subscribed = {};
                    // Names the hub in connectionData even if the page subscribes to nothing.
                    proxy.on("_", function () {});
                });
                this.starting(function () {
                    Object.keys(proxies).forEach(function (name) { subscribe(proxies[name]); });
                    if (connection._registerSubscribedHubs) { connection._registerSubscribedHubs(); }
                });
                return proxies;
            };

            $.connection.hub = $.hubConnection(path(\(literal(path))), { useDefaultPath: false });
            $.extend($.connection, $.connection.hub.createHubProxies());
        }(window.jQuery));

        """
    }

    private static func definitions(_ hubs: [Hub]) -> String {
        hubs.map { hub in
            let methods = hub.methodNames.map(literal).joined(separator: ", ")
            return """
                proxies[\(literal(hub.name))] = this.createHubProxy(\(literal(hub.name)));
                        proxies[\(literal(hub.name))].server = server(proxies[\(literal(hub.name))], [\(methods)]);
                """
        }.joined(separator: "\n        ")
    }

    private static func literal(_ text: String) -> String {
        var writer = JSONWriter()
        writer.string(text)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

/// A callable name in a script, for responses in JSONP.
enum ScriptName {
    /// Accepts the same names as a real node: identifiers separated by dots, without reserved words.
    static func isValid(_ name: String) -> Bool {
        name.unicodeScalars.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(isIdentifier)
    }

    private static func isIdentifier(_ name: String.UnicodeScalarView.SubSequence) -> Bool {
        guard let first = name.first, isLetter(first), !words.contains(String(String.UnicodeScalarView(name))) else {
            return false
        }
        return name.allSatisfy { isLetter($0) || $0.properties.generalCategory == .decimalNumber }
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "$", "_": return true
        default: break
        }
        switch scalar.properties.generalCategory {
        // .NET checks code units: characters beyond the first 65,536 are not letters.
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            return scalar.value <= 0xFFFF
        default: return false
        }
    }

    private static let words: Set<String> = [
        "break", "do", "instanceof", "typeof", "case", "else", "new", "var", "catch", "finally", "return", "void",
        "continue", "for", "switch", "while", "debugger", "function", "this", "with", "default", "if", "throw",
        "delete",
        "in", "try", "class", "enum", "extends", "super", "const", "export", "import", "implements", "let", "private",
        "public", "yield", "interface", "package", "protected", "static", "NaN", "undefined", "Infinity",
    ]
}
