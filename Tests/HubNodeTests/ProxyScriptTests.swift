import Testing

@testable import HubNode

/// Runs like in a page, with the parts of jQuery and jquery.signalR that it uses.
@Suite("Proxy script")
struct ProxyScriptTests {
    /// Prints each call of the library as a line of JSON. `connection.start()` does what the real one does first.
    private static let library = """
        function log() { console.log(JSON.stringify(Array.prototype.slice.call(arguments))); }
        var $ = function () {};
        $.extend = Object.assign;
        $.connection = function () {};
        $.hubConnection = function (url, options) { return new $.hubConnection.prototype.init(url, options); };
        $.hubConnection.prototype = {
            init: function (url, options) {
                log("hubConnection", url, options);
                this.onStarting = [];
            },
            starting: function (callback) { this.onStarting.push(callback); return this; },
            disconnected: function () { return this; },
            start: function () {
                var connection = this;
                connection.onStarting.forEach(function (callback) { callback.call(connection); });
            },
            createHubProxy: function (name) {
                return {
                    hubName: name,
                    handlers: {},
                    on: function (event, handler) {
                        (this.handlers[event] = this.handlers[event] || []).push(handler);
                        return this;
                    },
                    off: function () { return this; },
                    invoke: function () {
                        log.apply(null, ["invoke", this.hubName].concat(Array.prototype.slice.call(arguments)));
                        return "promise";
                    },
                    // A message from the server.
                    receive: function (event) {
                        var proxy = this, values = Array.prototype.slice.call(arguments, 1);
                        (this.handlers[event] || []).forEach(function (handler) { handler.apply(proxy, values); });
                    }
                };
            },
            _registerSubscribedHubs: function () { log("registerSubscribedHubs"); }
        };
        $.hubConnection.prototype.init.prototype = $.hubConnection.prototype;
        var window = { jQuery: $ };

        """

    private static let connected = #"["hubConnection","/signalr",{"useDefaultPath":false}]"#

    /// - Returns: the library calls caused by the page, without the script's own creation of a connection.
    private func run(hubs: [Hub] = [.chat], _ page: String) throws -> [String] {
        let lines = try NodeProgram.run(Self.library + ProxyScript.text(hubs: hubs, path: "/signalr") + page)
        #expect(lines.first == Self.connected)
        return Array(lines.dropFirst())
    }

    @Test("creates the page's connection to this node's path")
    func connection() throws {
        #expect(try run(#"log(typeof $.connection.hub.start);"#) == [#"["function"]"#])
        let lines = try NodeProgram.run(Self.library + ProxyScript.text(hubs: [.chat], path: #"/a"b"#))
        #expect(lines == [#"["hubConnection","/a\"b",{"useDefaultPath":false}]"#])
    }

    @Test("a server function calls the hub's method and returns its promise")
    func serverFunctions() throws {
        let lines = try run(
            """
            var server = $.connection.chatHub.server;
            log(server.send("n", { "text": "hello" }));
            server.echo();
            server.joinGroup.call(null, "room");
            """)
        #expect(
            lines == [
                #"["invoke","chatHub","send","n",{"text":"hello"}]"#, #"["promise"]"#, #"["invoke","chatHub","echo"]"#,
                #"["invoke","chatHub","joinGroup","room"]"#,
            ])
    }

    @Test("proxies for a separate connection of the page work too")
    func ownConnection() throws {
        let lines = try run(
            """
            var connection = $.hubConnection("/other");
            var proxies = connection.createHubProxies();
            proxies.chatHub.client.broadcastMessage = function (name) { log("received", name); };
            connection.start();
            proxies.chatHub.receive("broadcastMessage", "alice");
            proxies.chatHub.server.send("n", "m");
            log(proxies.chatHub === $.connection.chatHub);
            """)
        #expect(
            lines == [
                #"["hubConnection","/other",null]"#, #"["registerSubscribedHubs"]"#,
                #"["received","alice"]"#, #"["invoke","chatHub","send","n","m"]"#, "[false]",
            ])
    }

    @Test("there is one function per method, by name, and no other")
    func everyMethod() throws {
        let hub = Hub("Orders") { hub in
            hub.on("place") { (_: HubCall, _: String) in }
            hub.on("place") { (_: HubCall, _: String, _: Int) in }
            hub.on("Cancel") { (_: HubCall) in }
        }
        let lines = try run(
            hubs: [hub, Hub("empty") { _ in }],
            """
            log(Object.keys($.connection.Orders.server), Object.keys($.connection.empty.server));
            log($.connection.Orders.hubName, $.connection.empty.hubName);
            """)
        #expect(lines == [#"[["Cancel","place"],[]]"#, #"["Orders","empty"]"#])
    }

    @Test("handlers set before the start are subscribed under their names")
    func clientHandlers() throws {
        let lines = try run(
            """
            var chat = $.connection.chatHub;
            chat.client.broadcastMessage = function (name, message) { log(this === chat, name, message); };
            chat.client.groupMessage = function () { log("group", arguments.length); };
            chat.client.title = "no function";
            chat.receive("broadcastMessage", "too", "early");
            $.connection.hub.start();
            chat.receive("broadcastMessage", "alice", "hello");
            chat.receive("groupMessage", 1, 2, 3);
            chat.receive("title");
            """)
        #expect(
            lines == [#"["registerSubscribedHubs"]"#, #"[true,"alice","hello"]"#, #"["group",3]"#])
    }

    @Test("a second start subscribes only new handlers")
    func restart() throws {
        let lines = try run(
            """
            var chat = $.connection.chatHub;
            chat.client.one = function () { log("one"); };
            $.connection.hub.start();
            chat.client.two = function () { log("two"); };
            $.connection.hub.start();
            chat.receive("one");
            chat.receive("two");
            """)
        #expect(
            lines == [#"["registerSubscribedHubs"]"#, #"["registerSubscribedHubs"]"#, #"["one"]"#, #"["two"]"#])
    }

    @Test("every hub has a subscription from the start, so that the connection names it")
    func subscribedHubs() throws {
        let hubs = [Hub.chat, Hub("quiet") { _ in }]
        let lines = try run(
            hubs: hubs,
            """
            log(Object.keys($.connection.chatHub.handlers).length, Object.keys($.connection.quiet.handlers).length);
            """)
        #expect(lines == ["[1,1]"])
    }

    @Test("names may contain any text")
    func hostileNames() throws {
        let name = "o'clock\"\\\u{2028}</script>"
        let hub = Hub(name) { hub in
            hub.on(#"a"b\"#) { (_: HubCall) in }
        }
        let lines = try run(
            hubs: [hub],
            """
            Object.keys($.connection).forEach(function (key) {
                if (key !== "hub") { log(key.length, key.charCodeAt(9), key.slice(10)); }
            });
            $.connection["o'clock\\"\\\\\\u2028</script>"].server["a\\"b\\\\"](1);
            """)
        #expect(
            lines == [#"[19,8232,"</script>"]"#, "[\"invoke\",\"o'clock\\\"\\\\\u{2028}</script>\",\"a\\\"b\\\\\",1]"])
    }

    @Test(
        "without jquery.signalR it names what is missing",
        arguments: ["var window = {};", "var window = { jQuery: function () {} };"])
    func withoutLibrary(page: String) throws {
        let script = ProxyScript.text(hubs: [.chat], path: "/signalr")
        let lines = try NodeProgram.run(
            "\(page)\ntry {\n\(script)\nconsole.log('ran');\n} catch (error) { console.log(error.message); }")
        #expect(lines == ["SignalR: load jquery.signalR before this script."])
    }
}
