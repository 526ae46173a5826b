/// The document that a forever frame begins with. Its names are those that the clients' script looks for in its parent.
enum ForeverFramePage {
    static func opening(frameID: UInt32) -> String {
        """
        <!DOCTYPE html><html><head><title>SignalR Forever Frame Transport Stream</title>\r
        <script>\r
            var $ = window.parent.jQuery,\r
                ff = $ ? $.signalR.transports.foreverFrame : null,\r
                c =  ff ? ff.getConnection('\(frameID)') : null,\r
                r = ff ? ff.receive : function() {};\r
            ff ? ff.started(c) : '';</script></head><body>\r

        """
    }
}
